"""Conditions in the languages of other stores: documents, XML, directories. As with SQL, what holds and what does
not differ in random numbers alone; nothing here matches more than the good value does.
"""

from __future__ import annotations

from functools import lru_cache

from mcpfuzz.model import replace
from mcpfuzz.strategies.queries import Pair, paired

__all__ = ["operators"]


@lru_cache(maxsize=4096)
def operators(base: str) -> tuple[Pair, ...]:
    """Conditions behind, or instead of, a good value, most likely first."""
    if not base:
        return ()
    return (
        Pair(({"$eq": base}, {"$in": [base, "{number:1}"]}),
             ({"$eq": "{number:1}"}, {"$in": ["{number:1}", "{number:2}"]}),
             "an operator in place of text", "nosql-injection"),
        Pair((f"{base}'][.!='{{number:1}}", f"{base}'][.!='{{number:2}}"),
             (f"{base}'][.='{{number:1}}", f"{base}'][.='{{number:2}}"), "a second predicate", "xpath-injection"),
        Pair((f"{base})(objectClass=*", f"{base})(!(uid={{number:1}})"),
             (f"{base})(objectClass={{number:1}}", f"{base})(uid={{number:2}}"), "a second filter", "ldap-injection"),
        replace(paired("GOOD' and string-length('A')=6 and 'A'='B", "a condition out of single quotes", base),
                rule="xpath-injection"),
        replace(paired('GOOD" and string-length("A")=6 and "A"="B', "a condition out of double quotes", base),
                rule="xpath-injection"),
        Pair((f"{base}' && '{{number:1}}'=='{{number:1}}", f"{base}' && '{{number:2}}'=='{{number:2}}"),
             (f"{base}' && '{{number:1}}'=='{{number:2}}", f"{base}' && '{{number:2}}'=='{{number:1}}"),
             "a script's condition out of single quotes", "nosql-injection"),
    )  # fmt: skip
