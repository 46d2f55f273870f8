"""The look of the page: colours for light and for dark, and the form of its parts.

Belongs here: the style sheet. Does not belong here: what is shown. Colours are those of the pictures on Dagster's pages
(`assets.metrics.plot_style`); in the dark they are lighter, so that every word keeps a contrast of 4.5 or more.
"""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfbfa; --card: #fff; --ink: #1f2933; --muted: #5b6773; --faint: #e6e9ec;
  --model: #2b6c8f; --model-soft: #2b6c8f2e; --estimate: #8a6a2f; --bad: #b3452f; --bad-soft: #b3452f1c;
  --good: #2f7a55; --unknown: #7b8794; --s0: #eef3f6; --s1: #d5e3ea; --s2: #b2cddb; --s3: #7fabc1; --s4: #e3a493;
  --s5: #c75d45; --s6: #7c2817; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --card: #1b2126; --ink: #e5e9ec; --muted: #a3afba;
  --faint: #2c343b; --model: #74b4d4; --model-soft: #74b4d433; --estimate: #d9b36c; --bad: #ee8b74;
  --bad-soft: #ee8b7426; --good: #7cc9a0; --unknown: #8d99a5; --s0: #1f272d; --s1: #253a45; --s2: #2d5263;
  --s3: #3f7590; --s4: #8a4436; --s5: #cb6650; --s6: #ffb4a2; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 3.2rem; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: var(--paper);
  max-width: 56rem; margin: 0 auto; padding: 0 1.25rem 4rem; font-variant-numeric: tabular-nums; }
a { color: var(--model); } h1, h2, h3, h4 { line-height: 1.25; text-wrap: balance; }
h1 { font-size: 1.9rem; margin: .2rem 0; letter-spacing: -.01em; }
h2 { font-size: 1.35rem; margin: 3.2rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--faint); }
h3 { font-size: 1rem; margin: 0; } h4 { font-size: .92rem; margin: 1rem 0 .3rem; text-transform: capitalize; }
small, .muted { color: var(--muted); font-weight: 400; } h4 small { text-transform: none; margin-left: .4rem; }
p { margin: .4rem 0; max-width: 46rem; } code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
header { padding-top: 2.4rem; } header p { color: var(--muted); }
nav { position: sticky; top: 0; z-index: 2; background: var(--paper); margin: 0 -1.25rem; padding: .55rem 1.25rem;
  display: flex; gap: .3rem .95rem; overflow-x: auto; white-space: nowrap; border-bottom: 1px solid var(--faint);
  font-size: .86rem; scrollbar-width: none; } nav a { text-decoration: none; color: var(--muted); }
nav a:hover { color: var(--ink); } nav a.look { color: var(--bad); font-weight: 600; }
.headline { border-left: .35rem solid var(--good); background: var(--card); border-radius: .5rem; margin: 1.4rem 0;
  padding: 1rem 1.25rem; box-shadow: 0 1px 2px #0001; } .headline.look { border-color: var(--bad); }
.headline.unknown { border-color: var(--unknown); } .headline strong { font-size: 1.25rem; }
.headline ul { margin: .5rem 0 0; padding-left: 1.1rem; }
.lines { display: grid; gap: 0; margin: 1.2rem 0; padding: 0; list-style: none; }
.lines li { display: grid; grid-template-columns: 1.4rem 9rem 1fr; gap: .2rem .4rem; padding: .45rem 0;
  border-bottom: 1px solid var(--faint); font-size: .94rem; align-items: baseline; overflow-wrap: anywhere; }
.lines a { color: inherit; text-decoration: none; font-weight: 600; } .lines a:hover { text-decoration: underline; }
.mark { font-weight: 700; } .good .mark { color: var(--good); } .look .mark { color: var(--bad); }
.unknown .mark { color: var(--unknown); } li.unknown { color: var(--muted); }
figure { margin: 1.2rem 0 1.8rem; } figcaption { margin-bottom: .5rem; }
figcaption h3 { font-size: 1.06rem; } figcaption p { color: var(--muted); font-size: .9rem; margin: .15rem 0; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .84rem; color: var(--muted); margin: .3rem 0; }
.legend span { display: inline-flex; align-items: center; gap: .4rem; }
.key { display: inline-block; width: 1.1rem; height: 0; border-top: 3px solid currentColor; border-radius: 2px; }
.key.band, .key.withheld, .key[class*=" s"], .key.past { height: .75rem; border: 0; border-radius: 2px; }
.key.dot { width: .55rem; height: .55rem; border: 0; border-radius: 50%; background: currentColor; }
.key.model, .key.v5 { color: var(--model); } .key.estimate { color: var(--estimate); } .key.bad { color: var(--bad); }
.key.band { background: var(--model-soft); } .key.reference { color: var(--muted); border-top-style: dashed; }
.key.limit { color: var(--bad); border-top: 2px dotted; } .key.withheld { background: var(--faint); }
.key.v1 { color: var(--s2); } .key.stands { background: var(--bad); } .key.past { background: var(--s3); }
.key.s0 { background: var(--s0); } .key.s2 { background: var(--s2); } .key.s3 { background: var(--s3); }
.key.s4 { background: var(--s4); } .key.s6 { background: var(--s6); }
.chart { display: grid; grid-template-columns: 3.4rem minmax(0, 1fr); --tall: 11rem; } .chart.tall { --tall: 17rem; }
.chart.low { --tall: 6.5rem; } .chart svg { width: 100%; height: var(--tall); overflow: hidden; display: block; }
.ys, .xs { position: relative; font-size: .76rem; color: var(--muted); } .ys span { position: absolute; right: .5rem;
  transform: translateY(-50%); } .xs { grid-column: 2; height: 1.4rem; } .xs span { position: absolute; top: .2rem;
  transform: translateX(-50%); white-space: nowrap; } .xs .first { transform: translateX(-25%); } .xs .last {
  transform: translateX(-75%); }
svg path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
svg .grid { stroke: var(--faint); stroke-width: 1; } svg .model { stroke: var(--model); stroke-width: 2.2; }
svg .thin { stroke-width: 1.5; } svg .estimate { stroke: var(--estimate); stroke-width: 1.6; }
svg .bad { stroke: var(--bad); stroke-width: 2; } svg .band { fill: var(--model-soft); stroke: none; }
svg .reference { stroke: var(--muted); stroke-width: 1.2; stroke-dasharray: 5 4; stroke-linecap: butt; }
svg .limit { stroke: var(--bad); stroke-width: 1.3; stroke-dasharray: 1 4; }
svg .dot { stroke-width: 7; stroke-linecap: round; } svg .reach { stroke: var(--bad); stroke-width: 1.4; }
svg .reach.model { stroke: var(--model); opacity: .55; stroke-width: 3; } svg .withheld { fill: var(--faint); }
svg .alarm { fill: var(--bad-soft); } svg .vintage { stroke: var(--model); stroke-width: 1.5; }
svg .v1 { opacity: .26; } svg .v2 { opacity: .4; } svg .v3 { opacity: .56; } svg .v4 { opacity: .75; }
svg .hit { fill: transparent; } svg .hit:hover { fill: var(--model-soft); }
.strips { display: grid; gap: 3px; margin: .4rem 0; } .row { display: grid; align-items: center; gap: .6rem;
  grid-template-columns: 14rem minmax(0, 1fr) 3.2rem; font-size: .84rem; } .row b { font-weight: 400;
  color: var(--muted); text-align: right; } .row b.beyond { color: var(--bad); font-weight: 700; }
.row > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .row small { display: block;
  line-height: 1.1; } .row.axis .xs { grid-column: 2; }
.strip { width: 100%; height: 1.15rem; display: block; border-radius: 2px; background: var(--faint);
  shape-rendering: crispEdges; } .strip rect { stroke: none; }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .s2 { fill: var(--s2); } .s3 { fill: var(--s3); }
.s4 { fill: var(--s4); } .s5 { fill: var(--s5); } .s6 { fill: var(--s6); }
.bars { position: relative; height: 1.15rem; background: var(--s0); border-radius: 2px; } .bars i { position: absolute;
  top: 0; bottom: 0; border-radius: 2px; min-width: 4px; } i.stands { background: var(--bad); }
i.past { background: var(--s3); } .faults .row { min-height: 2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15.5rem, 1fr)); gap: 1rem; margin: 1rem 0; }
.card, .alert, .budget { background: var(--card); border-radius: .5rem; padding: .9rem 1rem; min-width: 0;
  box-shadow: 0 0 0 1px var(--faint); } .card h3 { font-weight: 500; color: var(--muted); font-size: .92rem; }
.card .value { font-size: 1.5rem; font-weight: 600; margin: 0; line-height: 1.2; }
.card p { font-size: .84rem; color: var(--muted); } .card .value { color: var(--ink); }
.card.outside { box-shadow: 0 0 0 2px var(--bad); } .card.outside .value { color: var(--bad); }
.card .chart { grid-template-columns: 2.9rem minmax(0, 1fr); margin-top: .5rem; }
.alert { margin: .8rem 0; border-left: .35rem solid var(--bad); overflow-wrap: anywhere; }
.alert.warning { border-color: var(--estimate); } .alert.info, .alert.quiet { border-color: var(--unknown); }
.alert.quiet { opacity: .8; } .facts { color: var(--muted); font-size: .86rem; } .remedy { font-size: .94rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 0 1.5rem; }
.group { display: grid; grid-template-columns: 9rem minmax(0, 1fr) 3rem 6rem 3.4rem; gap: .6rem; align-items: center;
  font-size: .86rem; } .group svg { width: 100%; height: 1.5rem; } .group b { font-weight: 500; text-align: right; }
.group.few small { grid-column: 2 / -1; } .group > span:first-child { overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.bar { display: block; height: .6rem; background: var(--faint); border-radius: .3rem; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--model); border-radius: .3rem; }
.budgets { display: grid; gap: .8rem; } .budget { display: grid; grid-template-columns: 1fr auto; gap: .35rem 1rem; }
.budget .bar, .budget p { grid-column: 1 / -1; margin: 0; font-size: .86rem; color: var(--muted); }
.budget.spent b { color: var(--bad); } ul.muted { font-size: .88rem; padding-left: 1.1rem; }
details { margin: .5rem 0; font-size: .88rem; } summary { cursor: pointer; color: var(--muted); }
.wide { overflow-x: auto; max-height: 26rem; overflow-y: auto; } table { border-collapse: collapse; width: 100%;
  margin: .4rem 0; font-size: .84rem; } th, td { text-align: left; padding: .3rem .7rem .3rem 0; vertical-align: top;
  border-bottom: 1px solid var(--faint); white-space: nowrap; } td:last-child { white-space: normal; min-width: 9rem; }
thead th { position: sticky; top: 0; background: var(--paper); font-weight: 600; }
.whole { max-height: none; } .whole td { white-space: normal; min-width: 4.5rem; }
.whole code { overflow-wrap: normal; } .whole td:first-child, td.day { white-space: nowrap; }
td.n { text-align: right; }
tr.live td:first-child { border-left: .25rem solid var(--model); padding-left: .5rem; }
dl { display: grid; grid-template-columns: minmax(6rem, 13rem) minmax(0, 1fr); gap: .2rem 1rem; margin: .5rem 0;
  font-size: .92rem; } dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
.note { background: var(--card); border-radius: .5rem; padding: .7rem 1rem; margin: .8rem 0;
  box-shadow: 0 0 0 1px var(--faint);
  max-width: none; } .warn { color: var(--bad); } .share { display: inline-block; height: .6em; border-radius: 2px;
  background: var(--model); } img { max-width: 100%; background: #fff; border-radius: .3rem; }
.part { margin: .2rem 0 .2rem .4rem; padding-left: .9rem; border-left: 1px solid var(--faint); font-size: 1em; }
.part > summary { color: var(--ink); font-weight: 600; }
footer { margin-top: 3rem; color: var(--muted); font-size: .86rem; }
@media (max-width: 40rem) { body { font-size: 15px; } dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: .35rem; } .alt { display: none; } h1 { font-size: 1.5rem; }
  .lines li { grid-template-columns: 1.4rem 1fr; } .lines li > span:last-child { grid-column: 2; }
  .row { grid-template-columns: minmax(0, 1fr) 3rem; gap: .1rem .4rem; } .row > span { grid-column: 1; }
  .row > b { grid-row: 1; grid-column: 2; } .row > svg, .row > .bars, .row.axis .xs { grid-column: 1 / -1; }
  .row.axis > span, .row.axis > b { display: none; } .strips { gap: 7px; } .chart.tall { --tall: 13rem; }
  .chart { grid-template-columns: 2.9rem minmax(0, 1fr); } .group { grid-template-columns: 6.5rem minmax(0, 1fr) 2.8rem
  3rem; } .group .bar { display: none; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media (min-width: 40rem) { nav { flex-wrap: wrap; } }
@media print { nav { display: none; } h2 { break-after: avoid; } figure, .card, .alert { break-inside: avoid; } }
"""
