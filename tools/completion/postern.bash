# Completion of the postern command for bash.
_postern() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    case "$previous" in
        -c|--config) COMPREPLY=($(compgen -f -- "$word")); return ;;
        acts) COMPREPLY=($(compgen -W "--about" -- "$word")); return ;;
        user) COMPREPLY=($(compgen -W "list add passwd addresses disable enable remove" -- "$word")); return ;;
        store) COMPREPLY=($(compgen -W "check backup restore" -- "$word")); return ;;
        check) COMPREPLY=($(compgen -W "--repair" -- "$word")); return ;;
        init) COMPREPLY=($(compgen -W "--output --yes --hostname --organization --domains --deliver-to --networks --chain --key --administrator --submission" -- "$word")); return ;;
        explain) COMPREPLY=($(compgen -f -W "--client --login --replay" -- "$word")); return ;;
        envelope) COMPREPLY=($(compgen -W "list show extend level recall lock unlock resend hold unhold phrase lower" -- "$word")); return ;;
        portal) COMPREPLY=($(compgen -W "preview" -- "$word")); return ;;
        preview) COMPREPLY=($(compgen -d -- "$word")); return ;;
        detect) COMPREPLY=($(compgen -f -W "--packs --pack --mail --test" -- "$word")); return ;;
        --packs) COMPREPLY=($(compgen -d -- "$word")); return ;;
        --pack) COMPREPLY=($(compgen -W "glba health hipaa labels pci people secrets uk-health us" -- "$word")); return ;;
        doctor) COMPREPLY=($(compgen -W "--outbound" -- "$word")); return ;;
        restore|--into) COMPREPLY=($(compgen -d -- "$word")); return ;;
        backup) COMPREPLY=($(compgen -f -W "--into" -- "$word")); return ;;
        --output|--chain|--key) COMPREPLY=($(compgen -f -- "$word")); return ;;
        passwd|addresses|disable|enable|remove)
            COMPREPLY=($(compgen -W "$(postern --json user list 2>/dev/null | sed -n 's/^ *"name": "\(.*\)".*/\1/p')" -- "$word")); return ;;
        queue) COMPREPLY=($(compgen -W "list show retry hold release delete" -- "$word")); return ;;
        domains) COMPREPLY=($(compgen -W "list show alarms confirm import quirks forget-quirks" -- "$word")); return ;;
        exception) COMPREPLY=($(compgen -W "list add end" -- "$word")); return ;;
        add) [ "${COMP_WORDS[COMP_CWORD - 2]}" = exception ] && COMPREPLY=($(compgen -W "relax legacy" -- "$word")); return ;;
        sts) COMPREPLY=($(compgen -W "show refresh preload" -- "$word")); return ;;
        tlsrpt) COMPREPLY=($(compgen -W "list show sent send" -- "$word")); return ;;
        probe) COMPREPLY=($(compgen -W "--quick --deep --file" -- "$word")); return ;;
        --file|preload|import) COMPREPLY=($(compgen -f -- "$word")); return ;;
        check-config) COMPREPLY=($(compgen -W "--show" -- "$word")); return ;;
        show|retry|hold|release|delete|message)
            COMPREPLY=($(compgen -W "$(postern --json queue list 2>/dev/null | sed -n 's/^ *"id": "\([0-9A-Z]*\)".*/\1/p')" -- "$word")); return ;;
    esac
    COMPREPLY=($(compgen -W "status queue message explain probe domains exception sts tlsrpt user refusals store detect forward acts envelope portal init doctor check-config reload --json --by --config --help --version" -- "$word"))
}
complete -F _postern postern
