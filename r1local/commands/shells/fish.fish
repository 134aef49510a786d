# Completion of r1local in fish:
#   r1local completion fish > ~/.config/fish/completions/r1local.fish
function __r1local_answer
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    type -q -- $program; or set program r1local
    set -l token (commandline -ct)
    set -l typed (string unescape -- $token; or string replace -r '^["\']' '' -- $token)
    set -l answer ($program __complete fish $words[2..-1] "$typed" 2>/dev/null)
    set -g __r1local_values $answer[2..-1]
    test "$answer[1]" != files
end
complete -c r1local -e
complete -c r1local -k -n __r1local_answer -f -a '$__r1local_values'
