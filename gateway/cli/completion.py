"""`toolward completion`: the script that lets a shell complete our commands, and the names that they take."""

from typing import Annotated, Literal

from cyclopts import Parameter

from gateway.cli.output import EXIT_OK, print_json
from gateway.cli.session import Common

Shell = Literal["bash", "zsh", "fish"]

_BASH = r"""# toolward in bash. In ~/.bashrc: eval "$(toolward completion bash)"
_toolward() {
    local IFS=$'\n' found line
    COMPREPLY=()
    found=$(toolward __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ $found == :files* ]]; then
        COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
        return
    fi
    for line in $found; do
        COMPREPLY+=("${line%%$'\t'*}")
    done
}
complete -o filenames -F _toolward toolward
"""
_ZSH = r"""#compdef toolward
# toolward in zsh. In ~/.zshrc, behind compinit: eval "$(toolward completion zsh)"
_toolward() {
    local line name
    local -a found shown
    found=("${(@f)$(toolward __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ $found[1] == :files* ]]; then
        _files
        return
    fi
    for line in $found; do
        name=${line%%$'\t'*}
        [[ -z $name ]] || shown+=("${name//:/\\:}${${line#$name}:+:${line#*$'\t'}}")
    done
    _describe toolward shown
}
compdef _toolward toolward
"""
_FISH = r"""# toolward in fish. In ~/.config/fish/config.fish: toolward completion fish | source
function __toolward_complete
    set -l words (commandline -opc)
    set -l found (toolward __complete $words[2..-1] "$(commandline -ct)" 2>/dev/null)
    if string match -q ':files*' -- $found[1]
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c toolward -f -a '(__toolward_complete)'
"""
SCRIPTS: dict[Shell, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def completion(
    shell: Annotated[Shell, Parameter(help="for which shell")],
    /,
    *,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Print the script for a shell."""
    if common.json:
        print_json({"shell": shell, "script": SCRIPTS[shell]})
    else:
        print(SCRIPTS[shell], end="")
    return EXIT_OK
