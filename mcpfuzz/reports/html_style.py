"""The style sheet of the HTML report: light and dark, phone and paper. Nothing in it names a resource."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root{color-scheme:light dark;
--bg:#f6f7f9;--card:#fff;--ink:#1b2330;--soft:#5b6677;--rule:#dfe3ea;--code:#f2f4f7;--accent:#2457c5;
--critical:#8e1237;--high:#c62f2f;--medium:#b36200;--low:#1f6f8b;--info:#5b6677;--good:#1c7c4a;
--key:#22509e;--str:#1c6b3f;--num:#9a4b00;--lit:#7a2f9c}
@media screen and (prefers-color-scheme:dark){:root{
--bg:#12161d;--card:#1a202a;--ink:#e4e9f1;--soft:#9aa6b8;--rule:#2d3644;--code:#11151b;--accent:#8db4ff;
--critical:#ff6b93;--high:#ff7b72;--medium:#f0a54a;--low:#63c0dd;--info:#9aa6b8;--good:#57cc8d;
--key:#8db4ff;--str:#7fd4a0;--num:#f0b070;--lit:#d3a3f0}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:68rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2rem 0 .8rem}
h3{font-size:1.02rem;margin:0;overflow-wrap:anywhere}
p{margin:.5rem 0;overflow-wrap:anywhere}
a{color:var(--accent)}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
pre{background:var(--code);border:1px solid var(--rule);border-radius:6px;padding:.6rem .75rem;margin:.35rem 0;
white-space:pre-wrap;overflow-wrap:anywhere;max-height:32rem;overflow:auto}
.brand{color:var(--soft);font-size:.85rem;letter-spacing:.04em;margin:0}
.chips{display:flex;flex-wrap:wrap;gap:.35rem;margin:.6rem 0;padding:0;list-style:none}
.chips li{border:1px solid var(--rule);border-radius:999px;padding:.05rem .65rem;font-size:.82rem;color:var(--soft);
background:var(--card);overflow-wrap:anywhere}
.verdict{border-left:5px solid var(--medium);background:var(--card);padding:.7rem 1rem;border-radius:6px;
font-weight:600;overflow-wrap:anywhere}
.verdict.clean{border-color:var(--good)}.verdict.findings,.verdict.fault{border-color:var(--high)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.4rem,1fr));gap:.6rem;margin:1rem 0}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.6rem .8rem}
.tile b{display:block;font-size:1.35rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{display:block;line-height:1.25;color:var(--soft);font-size:.8rem}
.critical{--s:var(--critical)}.high{--s:var(--high)}.medium{--s:var(--medium)}.low{--s:var(--low)}.info{--s:var(--info)}
.index{list-style:none;padding:0;margin:.5rem 0}.index .badge{min-width:4.7rem;text-align:center}
.index li{margin:.15rem 0;overflow-wrap:anywhere}
.finding{background:var(--card);border:1px solid var(--rule);border-left:5px solid var(--s);border-radius:8px;
padding:.9rem 1rem;margin:.8rem 0}
.finding.suspect{border-left-style:dashed}
.badge{display:inline-block;border:1px solid var(--s);color:var(--s);border-radius:4px;padding:0 .45rem;
margin-right:.5rem;font-size:.74rem;font-weight:700;text-transform:uppercase;letter-spacing:.04em;vertical-align:.1em}
.badge.plain{border-color:var(--soft);color:var(--soft)}
.at{color:var(--soft);font-size:.86rem;margin:.15rem 0 .5rem}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}
.label{color:var(--soft);font-size:.76rem;text-transform:uppercase;letter-spacing:.05em;margin:.6rem 0 .1rem}
.observed{border-color:var(--s)}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent);font-size:.9rem}
.steps{list-style:none;margin:.3rem 0;padding:0}
.steps>li{border-left:2px solid var(--rule);padding:0 0 .3rem .8rem;margin:.5rem 0}
.mend{border-left:3px solid var(--good);padding-left:.7rem}
.key{color:var(--key)}.str{color:var(--str)}.num{color:var(--num)}.lit{color:var(--lit)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--rule);border-radius:8px}
table{border-collapse:collapse;font-size:.85rem;width:100%}
td:first-child{white-space:nowrap}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td{overflow-wrap:break-word}
td code{display:inline-block;min-width:13rem;max-width:22rem;overflow-wrap:anywhere}
tr:last-child>td,tr:last-child>th{border-bottom:0}
.scroll:has(.map){width:fit-content;max-width:100%;padding-right:.6rem}.map{width:auto;font-size:.8rem}
.map thead th{vertical-align:bottom;padding:.5rem .1rem .3rem;font-weight:400}
.map thead span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:12rem;white-space:nowrap}
.map tbody th{position:sticky;left:0;background:var(--card);font-weight:400;white-space:nowrap;max-width:18rem;
overflow:hidden;text-overflow:ellipsis;padding:.1rem .7rem}
.map td{width:1.45rem;min-width:1.45rem;height:1.45rem;padding:.1rem;text-align:center;vertical-align:middle;
color:var(--soft);border-bottom:1px solid var(--rule)}
.map a{display:block;border-radius:4px;background:var(--s);color:var(--card);font-weight:700;
text-decoration:none;line-height:1.3rem}
.map a.suspect{background:none;box-shadow:inset 0 0 0 2px var(--s);color:var(--s)}
.muted{color:var(--soft);font-size:.85rem}
.is-served{color:var(--good);font-weight:600}.is-refused,.is-untried{color:var(--soft)}.is-untried{font-style:italic}
.scroll+.scroll{margin-top:.7rem}
svg.time{display:block;width:100%;height:9rem;background:var(--card);border:1px solid var(--rule);
border-radius:8px}
.time .said{fill:none;stroke:var(--accent);stroke-width:2;vector-effect:non-scaling-stroke}
.time .found{stroke:var(--high);stroke-width:9;stroke-linecap:round;vector-effect:non-scaling-stroke}
.time .start{stroke:var(--medium);stroke-width:1.5;vector-effect:non-scaling-stroke}
svg.bar{display:block;width:7rem;height:.7rem}
.bar .all{fill:var(--rule)}.bar .ok{fill:var(--good)}.bar .no{fill:var(--medium)}
.plotted{margin:1rem 0;background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.5rem .7rem}
.plotted figcaption{font-size:.82rem;display:flex;flex-wrap:wrap;gap:.9rem}
.plot{display:block;width:100%;height:auto}.plot .line{fill:none;stroke-width:1.6;stroke-linejoin:round}
.plot .grid{stroke:var(--rule)}.plot .axis{fill:var(--soft);font-size:10px}.plot .end{text-anchor:end}
.plot .band{fill:var(--code);opacity:.55}.plot .b1{opacity:0}
.c0{stroke:var(--accent)}.c1{stroke:var(--medium)}.c2{stroke:var(--high)}.c3{stroke:var(--good)}.c4{stroke:var(--lit)}
.c5{stroke:var(--low)}.key-0{color:var(--accent)}.key-1{color:var(--medium)}.key-2{color:var(--high)}
.key-3{color:var(--good)}.key-4{color:var(--lit)}.key-5{color:var(--low)}
footer{margin-top:3rem;color:var(--soft);font-size:.8rem;overflow-wrap:anywhere}
@media (max-width:40rem){.pair{grid-template-columns:1fr;gap:0}h1{font-size:1.3rem}main{padding:1rem .7rem 3rem}
td code{min-width:8rem}.map tbody th{max-width:9rem}th,td{padding:.3rem .4rem}
.index li{margin:.5rem 0}.index .muted{display:block}.plotted{overflow-x:auto}.plot{min-width:40rem}}
@media print{body{background:#fff;font-size:11pt}main{max-width:none;padding:0}pre{max-height:none}
pre,.tile,tr{break-inside:avoid}h2,h3,.label,summary{break-after:avoid}
details::details-content{content-visibility:visible;height:auto}
a{color:inherit;text-decoration:none}}
"""
