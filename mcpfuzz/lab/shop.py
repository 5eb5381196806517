"""The shop half of the app: stock, orders, units, sums, reminders, forecasts. Knows no protocol.

Sound and weak twins stand side by side; `tools` chooses.
"""

from __future__ import annotations

import argparse
import struct
import traceback
from collections import deque
from typing import Any, NoReturn

from mcpfuzz.lab.arithmetic import NotArithmetic, evaluate
from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.kit import LATER, READ, WRITE, Call, Later, Reply, Tool, ToolError, World, no_words
from mcpfuzz.lab.schema import closed, quoted

__all__ = ["Shop"]

FORECAST_S = 0.2
"""Seconds a forecast honestly takes."""

_UNITS = {
    "g": ("mass", 1.0), "kg": ("mass", 1000.0), "lb": ("mass", 453.59237),
    "mm": ("length", 0.001), "cm": ("length", 0.01), "m": ("length", 1.0), "in": ("length", 0.0254),
    "ml": ("volume", 0.001), "l": ("volume", 1.0),
}  # fmt: skip
_FACTORS = {
    (one, other): _UNITS[one][1] / _UNITS[other][1]
    for one in _UNITS
    for other in _UNITS
    if _UNITS[one][0] == _UNITS[other][0]
}
_GOODS = ("mug", "bowl", "plate", "jug", "vase", "tile")


class _Options(argparse.ArgumentParser):
    """An argument parser that tells its caller instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise ToolError("Those are no options: use --sort name|price, --reverse, --most N.")


class Shop:
    """The stock and the tools over it."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        letters = lab.draw.of("sku letters", 3, 2, 4)
        goods = [word.upper().ljust(4, "X")[:letters] for word in _GOODS]
        self.sku = f"^[A-Z]{{{letters}}}-[0-9]{{4}}$"
        first = lab.draw.between("first sku", 42, 11, 990)
        self.stock: dict[str, dict[str, Any]] = {
            f"{word}-{first + step:04}": {
                "name": f"{name}, size {step // 6 + 1}",
                "stock": 7 * step % 40,
                "cents": 450 + 115 * step,
            }
            for step, (word, name) in enumerate(zip(goods * 2, _GOODS * 2, strict=True))
        }
        self.journal: deque[bytes] = deque(maxlen=1000)
        """The last orders, packed."""

    # ---- stock ----

    def lookup(self, call: Call) -> Reply:
        sku = call.args["sku"]
        article = self.stock.get(sku)
        if article is None:
            # leak-secret: the settings were put into the message while somebody looked for a fault
            where = f" (asked {self.lab.settings})" if self.lab.on("leak-secret") else ""
            raise ToolError(f"There is no article {quoted(sku)}{where}.")
        return Reply(structured={"sku": sku, **article})

    def articles(self, call: Call) -> Reply:
        # crash-exit: argparse's own `error` ends the process, and SystemExit is no Exception
        parser = (argparse.ArgumentParser if self.lab.on("crash-exit") else _Options)(
            add_help=False, prog="list_articles"
        )
        parser.add_argument("--sort", choices=("name", "price"), default="name")
        parser.add_argument("--reverse", action="store_true")
        parser.add_argument("--most", type=int, default=20)
        options = parser.parse_args(call.args.get("options", "").split())
        by = "cents" if options.sort == "price" else "name"
        rows = sorted(self.stock.items(), key=lambda row: row[1][by], reverse=options.reverse)
        return Reply(
            "\n".join(f"{sku} {row['name']} {row['cents'] / 100:.2f}" for sku, row in rows[: max(options.most, 0)])
        )

    # ---- orders ----

    def order(self, call: Call) -> Reply:
        self.journal.append(struct.pack("<q", call.args["quantity"]))
        return self._ordered(call)

    def order_packed(self, call: Call) -> Reply:
        """crash-number: the journal's field, or the rebate, cannot take what the schema allows."""
        quantity = call.args["quantity"]
        if self.lab.draw.of("order mistake", "field", "rebate") == "field":
            self.journal.append(struct.pack(self.lab.draw.of("order field", "<H", "<h", "<B"), quantity))
        else:
            self.journal.append(struct.pack("<qq", quantity, 1000 // quantity))
        return self._ordered(call)

    def _ordered(self, call: Call) -> Reply:
        sku, quantity = call.args["sku"], call.args["quantity"]
        if sku not in self.stock:
            raise ToolError(f"There is no article {quoted(sku)}.")
        return Reply(structured={"sku": sku, "quantity": quantity, "cents": quantity * int(self.stock[sku]["cents"])})

    # ---- sums and units ----

    def add(self, call: Call) -> Reply:
        return Reply(structured={"sum": call.args["a"] + call.args["b"]})

    def calculate(self, call: Call) -> Reply:
        """A trap: 7*7 is truly 49 here, and nothing is evaluated."""
        try:
            return Reply(str(evaluate(call.args["expression"])))
        except NotArithmetic as error:
            raise ToolError(f"{quoted(call.args['expression'])} cannot be worked out: {error}.") from None

    def calculate_evaluated(self, call: Call) -> Reply:
        """code-evaluation: Python is a calculator too."""
        return Reply(str(eval(call.args["expression"])))

    def convert(self, call: Call) -> Reply:
        one, other = call.args["from"], call.args["to"]
        if _UNITS[one][0] != _UNITS[other][0]:
            raise ToolError(f"{one} measures {_UNITS[one][0]} and {other} measures {_UNITS[other][0]}.")
        return self.convert_looked_up(call)

    def convert_looked_up(self, call: Call) -> Reply:
        """leak-trace: no factor leads from mass to length, and `tools` below answers with the trace."""
        factor = _FACTORS[call.args["from"], call.args["to"]]
        return Reply(structured={"value": call.args["value"] * factor, "unit": call.args["to"]})

    # ---- later ----

    def remind(self, call: Call) -> Reply:
        """`get`, since with unvalidated-arguments nothing is known of the arguments."""
        minutes, channel = call.args.get("minutes"), call.args.get("channel", "mail")
        return Reply(f"You will be reminded in {str(minutes)[:20]} minutes by {str(channel)[:20]}.")

    def forecast(self, call: Call) -> Reply | Later:
        """A trap: slow, and nothing is wrong with it."""
        sku, weeks = call.args["sku"], call.args.get("weeks", 4)
        if sku not in self.stock:
            raise ToolError(f"There is no article {quoted(sku)}.")
        if call.cancelled.wait(FORECAST_S):
            return LATER
        return Reply(structured={"sku": sku, "weeks": weeks, "needed": weeks * (3 + int(self.stock[sku]["stock"]) % 5)})

    def tools(self) -> list[Tool]:
        """What is served; the weak twin where its switch is on."""
        return [*self._stock_tools(), *self._sum_tools(), *self._later_tools()]

    def _stock_tools(self) -> list[Tool]:
        lab = self.lab
        sku = self._sku()
        text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
        return [
            Tool(
                name="stock_lookup",
                also=("check_stock", "find_article"),
                title="Look up an article",
                description="Name, pieces in stock and price in cents of one article.",
                arguments={"sku": sku},
                required=("sku",),
                renames={"sku": ("article", "code")},
                run=self.lookup,
                output=closed(
                    {"sku": text, "name": text, "stock": count, "cents": count}, "sku", "name", "stock", "cents"
                ),
                hints=READ,
            ),
            Tool(
                name="list_articles",
                also=("browse_articles", "show_catalogue"),
                title="List articles",
                description="All articles with their prices. Options: --sort name or price, --reverse, --most N.",
                arguments={"options": {"type": "string", "maxLength": 100, "examples": ["--sort price --most 3"]}},
                renames={"options": ("flags", "switches")},
                run=self.articles,
                hints=READ,
            ),
            Tool(
                name="order_article",
                also=("reserve_article", "buy_article"),
                title="Order an article",
                description="Writes an order into the journal and tells its price in cents.",
                arguments={
                    "sku": sku,
                    "quantity": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": lab.draw.of("most pieces", 1_000_000, 250_000, 99_999_999),
                        "examples": [2],
                        "description": "How many pieces; 0 asks for the price list",
                    },
                },
                required=("sku", "quantity"),
                renames={"sku": ("article", "code"), "quantity": ("pieces", "number")},
                run=self.order_packed if lab.on("crash-number") else self.order,
                # crash-number: the author listed what he had seen; struct.error and ZeroDivisionError are neither
                catches=(ValueError, TypeError, KeyError, ToolError) if lab.on("crash-number") else (Exception,),
                output=closed({"sku": text, "quantity": count, "cents": count}, "sku", "quantity", "cents"),
                hints=WRITE,
            ),
        ]

    def _sku(self) -> dict[str, Json]:
        known = list(self.stock)
        return {"type": "string", "pattern": self.sku, "description": "An article's code", "examples": known[1:4]}

    def _sum_tools(self) -> list[Tool]:
        lab = self.lab
        number = {"type": "number", "minimum": -1e12, "maximum": 1e12, "examples": [2, 0.5]}
        return [
            Tool(
                name="add",
                also=("sum_up", "plus"),
                title="Add two numbers",
                description="The sum of two numbers.",
                arguments={"a": number, "b": number},
                required=("a", "b"),
                renames={"a": ("first", "left"), "b": ("second", "right")},
                run=self.add,
                output=closed({"sum": {"type": "number"}}, "sum"),
                hints=READ,
            ),
            Tool(
                name="calculate",
                also=("compute", "work_out"),
                title="Calculator",
                description="Works out an expression of numbers, + - * / and brackets.",
                arguments={
                    "expression": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["2 * (3 + 4)"]}
                },
                required=("expression",),
                renames={"expression": ("formula", "term")},
                run=self.calculate_evaluated if lab.on("code-evaluation") else self.calculate,
                hints=READ,
            ),
            Tool(
                name="convert_units",
                also=("convert", "change_unit"),
                title="Convert units",
                description="A value in another unit of the same kind: mass, length or volume.",
                arguments={
                    "value": {**number, "examples": [2.5]},
                    "from": {"type": "string", "enum": list(_UNITS), "examples": ["kg"]},
                    "to": {"type": "string", "enum": list(_UNITS), "examples": ["g"]},
                },
                required=("value", "from", "to"),
                renames={"value": ("amount", "quantity"), "from": ("source_unit",), "to": ("target_unit",)},
                run=self.convert_looked_up if lab.on("leak-trace") else self.convert,
                output=closed({"value": {"type": "number"}, "unit": {"type": "string"}}, "value", "unit"),
                hints=READ,
                explain=_trace if lab.on("leak-trace") else no_words,
            ),
        ]

    def _later_tools(self) -> list[Tool]:
        lab = self.lab
        return [
            Tool(
                name="set_reminder",
                also=("remind_me", "schedule_reminder"),
                title="Set a reminder",
                description="Reminds you after some minutes.",
                arguments={
                    "minutes": {"type": "integer", "minimum": 1, "maximum": 10080, "examples": [30]},
                    "channel": {"type": "string", "enum": ["mail", "chat", "pager"], "default": "mail"},
                },
                required=("minutes",),
                renames={"minutes": ("delay", "after"), "channel": ("medium", "via")},
                run=self.remind,
                hints=WRITE,
                # unvalidated-arguments: a schema was written, and nobody holds anything against it
                checked=not lab.on("unvalidated-arguments"),
            ),
            Tool(
                name="restock_forecast",
                also=("forecast_demand", "predict_stock"),
                title="Forecast",
                description="How many pieces will be needed in the coming weeks. Takes a fifth of a second.",
                arguments={"sku": self._sku(), "weeks": {"type": "integer", "minimum": 1, "maximum": 52, "default": 4}},
                required=("sku",),
                renames={"sku": ("article", "code"), "weeks": ("horizon", "period")},
                run=self.forecast,
                output=closed(
                    {"sku": {"type": "string"}, "weeks": {"type": "integer"}, "needed": {"type": "integer"}},
                    *("sku", "weeks", "needed"),
                ),
                hints=READ,
                slow=True,
                # id-type: the table of waiting calls is keyed by text, and its keys are what is answered
                tickets=lab.draw.of("ticket key", _as_text, _as_double) if lab.on("id-type") else None,
            ),
        ]


def _trace(error: BaseException) -> str:
    return traceback.format_exc()


def _as_text(key: Json) -> Json:
    return str(key)


def _as_double(key: Json) -> Json:
    """An id as a column of doubles keeps it."""
    return float(key) if isinstance(key, int) else str(key)
