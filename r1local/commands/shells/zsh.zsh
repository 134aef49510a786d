#compdef r1local
# Completion of r1local in zsh. In ~/.zshrc, after compinit:  eval "$(r1local completion zsh)"
_r1local() {
    local program=${words[1]/#\~\//$HOME/} line value
    local -a answer values shown open open_shown
    (( $+commands[$program] )) || [[ -x $program ]] || program=r1local
    answer=("${(@f)$($program __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    if [[ $answer[1] == files ]]; then
        _files
        return
    fi
    for line in "${(@)answer[2,-1]}"; do
        value=${line%%$'\t'*}
        line=${line#*$'\t'}
        if [[ $value == *[/:=] ]]; then
            open+=("$value")
            open_shown+=("$value${line:+  -- $line}")
        else
            values+=("$value")
            shown+=("$value${line:+  -- $line}")
        fi
    done
    compadd -V r1local -l -d shown -a values
    local found=$?
    compadd -V r1local -l -S '' -d open_shown -a open || return found
}
if [[ $funcstack[1] == _r1local ]]; then
    _r1local "$@"
elif (( $+functions[compdef] )); then
    compdef _r1local r1local
fi
