# Completion of r1local in bash. In ~/.bashrc:  eval "$(r1local completion bash)"
_r1local() {
    local program=${COMP_WORDS[0]/#\~\//$HOME/} kind value
    type "$program" &>/dev/null || program=r1local
    COMPREPLY=()
    {
        read -r kind
        if [[ $kind == files ]]; then
            compopt -o default 2>/dev/null
        fi
        while IFS=$'\t' read -r value _; do
            COMPREPLY+=("$value")
        done
    } < <("$program" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/:=] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -F _r1local r1local 2>/dev/null || complete -F _r1local r1local
