/** The stylesheet of the console: one set of properties for light and dark, system fonts, nothing from elsewhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: light-dark(#f7f8fa, #111418);
  --card: light-dark(#fff, #191d23);
  --text: light-dark(#1b1f24, #e6e9ed);
  --soft: light-dark(#56606d, #a5afbc);
  --line: light-dark(#dfe3e8, #2e353e);
  --edge: light-dark(#868f9b, #6d7785);
  --link: light-dark(#0b57b5, #8dbbff);
  --ok: light-dark(#1c6b3f, #6fcf97);
  --warn: light-dark(#8a5300, #f2b84b);
  --bad: light-dark(#b3141d, #ff8f8f);
  --ok-bar: light-dark(#4c7fd0, #6b9ae4);
  --warn-soft: light-dark(#fff4d9, #382b10);
  --bad-soft: light-dark(#fdeaea, #3c1a1c);
  --gap: light-dark(#e3e6ea, #2b323b);
  --mono: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; font: 0.9375rem/1.5 system-ui, sans-serif; background: var(--page); color: var(--text); overflow-wrap: anywhere; }
header, main, footer { max-width: 75rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-top: 1.25rem; padding-bottom: 2.5rem; }
main:focus { outline: none; }
header { display: flex; align-items: center; gap: 0.25rem 1.25rem; min-height: 3.25rem; border-bottom: 1px solid var(--line); max-width: none; background: var(--card); padding: 0 max(1.25rem, calc((100% - 75rem) / 2 + 1.25rem)); }
header .brand { font-weight: 700; color: inherit; text-decoration: none; }
header .tenant { font: 0.8125rem var(--mono); color: var(--soft); }
header nav { display: flex; gap: 0.25rem; flex: 1; overflow-x: auto; align-self: stretch; }
header nav a { display: flex; align-items: center; padding: 0 0.6rem; color: var(--soft); text-decoration: none; border: solid transparent; border-width: 3px 0; white-space: nowrap; }
header nav a:hover { color: var(--text); }
header nav a[aria-current] { color: var(--text); font-weight: 600; border-bottom-color: var(--link); }
footer { padding-top: 0.75rem; padding-bottom: 1.5rem; color: var(--soft); font-size: 0.8125rem; display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: baseline; border-top: 1px solid var(--line); }
footer dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0.5rem 0; }
footer dd { margin: 0; }
kbd { font: 0.75rem var(--mono); padding: 0.05rem 0.35rem; border: 1px solid var(--line); border-radius: 0.25rem; background: var(--card); }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 0.5rem; top: 0.5rem; z-index: 1; padding: 0.5rem 0.75rem; background: var(--card); }
h1 { margin: 0 0 0.75rem; font-size: 1.375rem; line-height: 1.25; letter-spacing: -0.01em; }
h2 { margin: 1.75rem 0 0.6rem; font-size: 1.0625rem; }
p { margin: 0.5rem 0; }
.title { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: center; justify-content: space-between; margin-bottom: 0.75rem; }
.title h1 { margin: 0; }
.live button { min-width: 5rem; }
.live { display: flex; gap: 0.75rem; align-items: center; color: var(--soft); font-size: 0.875rem; }
.live[hidden], .rows[hidden] { display: none; }
.live > :first-child::before { content: ""; display: inline-block; width: 0.55rem; height: 0.55rem; margin-right: 0.45rem; border-radius: 50%; background: var(--edge); }
.live.on > :first-child::before { background: var(--ok); }
.flash { background: light-dark(#e8f0fc, #1c2c45); }
.lead { max-width: 46rem; margin-top: -0.25rem; }
table + .lead { margin-top: 0.75rem; }
a { color: var(--link); text-underline-offset: 0.15em; }
bdi { unicode-bidi: isolate; }
code, pre, .time, .at, .args, .c-args { font-family: var(--mono); font-size: 0.8125rem; }
pre { margin: 0.6rem 0; padding: 0.7rem 0.9rem; border: 1px solid var(--line); border-radius: 0.4rem; background: var(--card); overflow-x: auto; white-space: pre-wrap; }
.soft { color: var(--soft); }
.warn { color: var(--warn); }
.bad { color: var(--bad); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.unit { display: none; }
.alert { padding: 0.6rem 0.8rem; border: 1px solid var(--bad); border-radius: 0.4rem; background: var(--bad-soft); color: var(--text); }
.done { margin: 0 0 1rem; padding: 0.6rem 0.8rem; border: 1px solid var(--line); border-left: 3px solid var(--ok); border-radius: 0.4rem; background: light-dark(#e2f4e8, #16321f); }
.aside { max-width: 46rem; margin: 0 0 1.25rem; padding: 0.5rem 0.9rem; border: 1px solid var(--line); border-left: 3px solid var(--link); border-radius: 0.4rem; background: var(--card); }
.choices { list-style: none; margin: 1.25rem 0; padding: 0; display: grid; gap: 0.5rem; }
a.button { display: inline-flex; align-items: center; min-height: 2.75rem; padding: 0.3rem 1.25rem; border: 1px solid var(--edge); border-radius: 0.4rem; color: inherit; background: var(--card); text-decoration: none; font-weight: 500; }
a.first { border-color: transparent; background: light-dark(#0b57b5, #8dbbff); color: light-dark(#fff, #10151b); font-weight: 600; }
.other { margin: 1.5rem 0; padding-top: 0.75rem; border-top: 1px solid var(--line); }
.other summary { min-height: 1.75rem; color: var(--link); cursor: pointer; }
header .who { font-size: 0.8125rem; max-width: 12rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.once { margin: 0 0 1rem; }
.k-name { font-weight: 600; } .k-state { white-space: nowrap; }
.form { margin: 0 0 1rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.form > summary { padding: 0.55rem 0.9rem; font-weight: 600; cursor: pointer; }
.form[open] > summary { border-bottom: 1px solid var(--line); }
.form > .stack { margin: 0; padding: 0.9rem; }
.form .stack > :is(fieldset, details, p) { width: 100%; max-width: 46rem; }
.form input:not([type=checkbox]), .form select { max-width: 28rem; }
fieldset { margin: 0.5rem 0 0; padding: 0; border: 0; }
legend { padding: 0; margin: 0 0 0.25rem; font-weight: 600; }
.choice { display: flex; gap: 0.6rem; align-items: flex-start; padding: 0.25rem 0; font-weight: 400; }
.stack .choice input { flex: none; width: 1.15rem; height: 1.15rem; min-height: 0; margin: 0.15rem 0 0; }
.tools { columns: 2 20rem; } .tools .choice { break-inside: avoid; }
.stack details > summary { color: var(--link); cursor: pointer; min-height: 1.75rem; }
.danger { min-height: 2.75rem; padding: 0.3rem 1.25rem; border-color: var(--bad); color: var(--bad); font-weight: 600; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.35rem 1.25rem; margin: 0.75rem 0 1.5rem; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; }
.plain { list-style: none; margin: 0; padding: 0; }
.secret { user-select: all; overflow-wrap: anywhere; }
.t-label .by { display: block; font-size: 0.8125rem; } .t-label .tag { margin-left: 0; }
.form .stack > label:not(.choice) { margin-top: 0.4rem; }
.narrow { max-width: 34rem; margin: 0 auto; padding-top: 1rem; }
.stack { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.5rem; justify-items: start; margin: 1.25rem 0; }
.stack select { max-width: 100%; }
.stack p { margin: 0; }
label { font-weight: 600; }
input, select, button { min-height: 2.25rem; padding: 0.3rem 0.6rem; border: 1px solid var(--edge); border-radius: 0.4rem; font: inherit; color: inherit; background: var(--card); }
.stack input { width: 100%; min-height: 2.75rem; }
button { cursor: pointer; font-weight: 500; }
button:hover { border-color: var(--text); }
.first { min-height: 2.75rem; padding: 0.3rem 1.25rem; border-color: transparent; background: light-dark(#0b57b5, #8dbbff); color: light-dark(#fff, #10151b); font-weight: 600; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 0.2rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 0 0 1.25rem; }
.tiles div { padding: 0.6rem 0.9rem 0.7rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.tiles dt { color: var(--soft); font-size: 0.8125rem; }
.tiles dd { margin: 0; font-size: 1.375rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles a { color: inherit; }
.tabs { display: flex; flex-wrap: wrap; gap: 0.4rem; margin: 0 0 0.75rem; }
.tabs a { padding: 0.25rem 0.8rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--card); color: var(--text); text-decoration: none; }
.tabs a:hover { border-color: var(--edge); }
.tabs a[aria-current] { border-color: var(--link); background: light-dark(#e8f0fc, #1c2c45); font-weight: 600; }
.filters { display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: end; margin: 0 0 1rem; }
.filters label { display: grid; gap: 0.15rem; font-size: 0.8125rem; font-weight: 400; color: var(--soft); }
.filters input, .filters select { font-size: 0.875rem; width: 11rem; color: var(--text); }
.filters ::placeholder { color: var(--soft); opacity: 1; }
.filters .clear { padding: 0.4rem 0; }
.rows { width: 100%; border-collapse: separate; border-spacing: 0; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.rows th { padding: 0.45rem 0.6rem; text-align: left; font-size: 0.75rem; font-weight: 600; color: var(--soft); white-space: nowrap; }
.rows td { padding: 0.4rem 0.6rem; border-top: 1px solid var(--line); vertical-align: baseline; unicode-bidi: isolate; }
.rows tbody tr:hover { background: light-dark(#f4f7fb, #1e242c); }
.rows th:first-child, .rows td:first-child { padding-left: 0.9rem; }
.rows th:last-child, .rows td:last-child { padding-right: 0.9rem; }
.rows .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.time { white-space: nowrap; }
.ms { color: var(--soft); }
.clip { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.c-args { width: 40%; }
.c-tool { white-space: nowrap; }
.c-caller { width: 22%; font-size: 0.875rem; }
.r-client { width: 34%; }
.c-changed { white-space: nowrap; color: var(--soft); font-size: 0.8125rem; }
.c-status { white-space: nowrap; }
.status { display: inline-block; padding: 0 0.5rem; border: 1px solid transparent; border-radius: 0.75rem; font-size: 0.8125rem; line-height: 1.35rem; }
.status.ok { padding-left: 0; color: var(--ok); }
.status.plain { border-color: var(--line); color: var(--soft); }
.status.warn { background: var(--warn-soft); }
.status.bad { background: var(--bad-soft); font-weight: 600; }
.times { font-weight: 600; font-variant-numeric: tabular-nums; }
.tag { margin-left: 0.5rem; padding: 0 0.4rem; border: 1px solid var(--line); border-radius: 0.25rem; font-size: 0.75rem; color: var(--soft); }
.older { margin: 1rem 0; }
.empty + table { margin-top: 1rem; }
.empty { padding: 1.5rem 1.25rem; border: 1px dashed var(--edge); border-radius: 0.5rem; background: var(--card); }
.empty p:first-child { margin-top: 0; }
.waterfall { list-style: none; margin: 0.6rem 0 0; padding: 0; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); overflow: hidden; }
.waterfall li { display: grid; grid-template-columns: 13rem 8rem 1fr 12rem; gap: 0.75rem; align-items: center; padding: 0.2rem 0.9rem; border-top: 1px solid var(--line); font-size: 0.875rem; }
.waterfall li:first-child { border-top: 0; }
.waterfall .who { color: var(--soft); font-size: 0.8125rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.waterfall svg { display: block; width: 100%; height: 0.9rem; }
.waterfall .note { color: var(--soft); font-size: 0.8125rem; font-variant-numeric: tabular-nums; }
rect { fill: var(--ok-bar); }
rect.gap { fill: var(--gap); }
rect.warn { fill: var(--warn); }
rect.bad { fill: var(--bad); }
rect.waited { fill: var(--card); opacity: 0.55; }
.note .warn { color: var(--warn); }
.note .bad { color: var(--bad); }
.steps { list-style: none; margin: 0; padding: 0; }
.steps > li { padding: 0.5rem 0.9rem 0.55rem 6.75rem; border-left: 2px solid var(--line); }
.steps > li:target { border-left-color: var(--link); background: var(--card); }
.steps p { margin: 0.1rem 0; }
.steps .at { float: left; width: 5.25rem; margin-left: -5.75rem; text-align: right; color: var(--soft); line-height: 1.4rem; font-variant-numeric: tabular-nums; }
.steps details ul { list-style: none; margin: 0.4rem 0 0; padding: 0; }
.steps summary { cursor: pointer; }
.effect::before { content: "→ "; color: var(--soft); }
.meter { display: block; width: 100%; min-width: 6rem; height: 0.6rem; border-radius: 0.3rem; overflow: hidden; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); gap: 0.75rem; }
figure { margin: 0; padding: 0.75rem 0.9rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.columns { display: block; width: 100%; height: 5rem; margin-top: 0.5rem; border-bottom: 1px solid var(--edge); }
.crumbs { margin: 0 0 0.25rem; font-size: 0.875rem; }
h1 .soft { font-weight: 400; font-size: 1rem; letter-spacing: 0; }
.b-key { width: 26%; } .b-value { width: 34%; }
.b-claim { width: 16%; }
.b-claim .clip { font-size: 0.875rem; }
.claim { display: inline-block; margin: 0.25rem 0 0.5rem; padding: 0.4rem 0.8rem; border: 1px solid var(--line); border-left: 3px solid var(--ok-bar); border-radius: 0.3rem; background: var(--card); }
.claim.dead { border-left-color: var(--bad); } .claim.free { border-left-color: var(--warn); } .claim.done { border-left-color: var(--ok); }
.value, .diff { max-height: 32rem; overflow: auto; }
.diff ins, .diff del { display: block; text-decoration: none; }
.diff ins { background: light-dark(#e2f4e8, #16321f); } .diff del { background: var(--bad-soft); }
.diff span { display: block; color: var(--soft); }
.history .h-op { white-space: nowrap; }
.cards { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.cards > li { padding: 0.75rem 0.9rem; border-top: 1px solid var(--line); }
.cards > li:first-child { border-top: 0; }
.cards p { margin: 0.15rem 0; }
.card-head { display: flex; flex-wrap: wrap; gap: 0.15rem 0.75rem; align-items: baseline; }
.card-head .tag { margin-left: 0; }
.card-head .status { order: 1; margin-left: auto; }
.clip.long { -webkit-line-clamp: 4; }
.fixes { list-style: none; margin: 0.4rem 0 0; padding: 0; }
.fixes li { display: grid; grid-template-columns: 6rem 1fr; gap: 0.75rem; padding: 0.15rem 0; align-items: baseline; }
.fixes .meter { min-width: 0; }
.d-bar { width: 34%; }
.days .d-day { width: 24%; white-space: nowrap; }
.notice { margin: 0 0 1rem; padding: 0.5rem 0.9rem; border: 1px solid var(--line); border-left: 3px solid var(--warn); border-radius: 0.4rem; background: var(--warn-soft); }
.t-scopes { width: 26%; font-size: 0.8125rem; } .t-label { width: 22%; } .t-state { width: 12%; white-space: nowrap; } .t-used { width: 18%; }
.panel { margin: 0 0 1rem; padding: 0.2rem 1.1rem 1rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.panel h2 { margin: 0.8rem 0 0.3rem; }
.panel > p { max-width: 46rem; }
.panel .rows { margin: 0.6rem 0; }
.line { display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: end; padding: 0.6rem 0; border-top: 1px solid var(--line); }
.line:first-of-type { border-top: 0; }
.line label { display: grid; gap: 0.15rem; font-size: 0.8125rem; font-weight: 400; color: var(--soft); }
.line input, .line select { width: 9rem; color: var(--text); }
.line .sure { width: min(20rem, 100%); }
.line-name { width: 15rem; margin: 0; }
.line select { width: 100%; }
.line-name span { display: block; font-size: 0.8125rem; }
.line > p:last-child { flex-basis: 100%; margin: 0; font-size: 0.8125rem; }
.quiet { border-color: transparent; background: none; color: var(--link); padding-left: 0.3rem; padding-right: 0.3rem; }
.danger { border-color: var(--bad); color: var(--bad); }
[aria-invalid] { border-color: var(--bad); }
.tenants .n-name { width: 16%; font-weight: 600; } .n-storage, .n-bucket { width: 13%; font-size: 0.8125rem; white-space: nowrap; } .n-state { white-space: nowrap; }
.full .meter rect:not(.gap) { fill: var(--bad); }
.n-storage .meter, .n-bucket .meter { height: 0.4rem; min-width: 4rem; margin-bottom: 0.1rem; }
.a-action, .a-by { white-space: nowrap; } .a-changed { width: 46%; font-size: 0.875rem; } .a-time { white-space: nowrap; } .a-action .status { margin-left: 0.5rem; }
.change { display: block; }
.p-what p { margin: 0 0 0.3rem; } .p-what { width: 40%; }
.sizes, .refusals { width: auto; min-width: min(30rem, 100%); }
.y-tool { font-weight: 600; } .y-state { white-space: nowrap; }
.decide { margin-top: 1.5rem; } .decide button { min-height: 2.75rem; padding: 0.3rem 1.25rem; }
.decide .soft { flex-basis: 100%; }
.line .wide { flex: 1 1 20rem; }
.line .wide input { width: 100%; }
h1 .status { vertical-align: 0.2rem; font-weight: 400; letter-spacing: 0; }
@media (max-width: 46rem) {
  header { flex-wrap: wrap; padding-top: 0.6rem; column-gap: 0.75rem; }
  header nav { order: 3; flex-basis: 100%; margin: 0 -0.6rem; }
  header nav a { padding: 0.4rem 0.6rem; }
  header form { margin-left: auto; }
  header, main, footer { padding-left: 0.9rem; padding-right: 0.9rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 0.5rem; }
  .filters label { flex: 1 1 8rem; }
  .filters input, .filters select { width: 100%; min-height: 2.5rem; }
  .rows, .rows tbody { display: block; }
  .rows thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .rows tr { display: grid; gap: 0.1rem 0.75rem; padding: 0.6rem 0.9rem; border-top: 1px solid var(--line); align-items: baseline; }
  .rows tbody tr:first-child { border-top: 0; }
  .rows td, .rows td:first-child, .rows td:last-child { padding: 0; border: 0; width: auto; min-width: 0; text-align: left; }
  .rows td:empty { display: none; }
  .rows .number, .history .h-op, .c-status, .c-tool, .t-state { white-space: normal; }
  .calls tr { grid-template-columns: 1fr auto; grid-template-areas: "tool status" "args args" "time took" "caller changed"; }
  .c-time { grid-area: time; } .c-tool { grid-area: tool; font-weight: 600; } .c-status { grid-area: status; } .c-args { grid-area: args; }
  .c-changed { grid-area: changed; } .rows .c-took { grid-area: took; text-align: right; color: var(--soft); font-size: 0.8125rem; } .c-caller { grid-area: caller; color: var(--soft); }
  .c-changed { text-align: right; }
  .runs tr { grid-template-columns: auto 1fr auto; grid-template-areas: "run client token" "began began lasted" "calls bad changed"; }
  .r-run { grid-area: run; font-weight: 600; } .r-client { grid-area: client; } .r-began { grid-area: began; } .rows .r-lasted { grid-area: lasted; text-align: right; color: var(--soft); font-size: 0.8125rem; }
  .r-calls { grid-area: calls; } .rows .r-bad { grid-area: bad; } .rows .r-changed { grid-area: changed; text-align: right; } .r-token { grid-area: token; }
  .boards tr { grid-template-columns: 1fr auto auto; }
  .boards td:first-child { font-weight: 600; }
  .cells tr { grid-template-columns: 1fr fit-content(55%); grid-template-areas: "key claim" "value value" "by age" "rev rev"; }
  .b-key { grid-area: key; font-weight: 600; } .b-value { grid-area: value; } .b-claim { grid-area: claim; } .rows .b-rev { grid-area: age; text-align: right; color: var(--soft); font-size: 0.8125rem; } .b-by { grid-area: by; font-size: 0.875rem; }
  .rows .b-age { grid-area: rev; font-size: 0.8125rem; }
  .history tr { grid-template-columns: auto 1fr auto; grid-template-areas: "rev op age" "by by bytes" "run diff diff"; }
  .h-rev { grid-area: rev; font-weight: 600; } .h-op { grid-area: op; } .h-by { grid-area: by; } .rows .h-bytes { grid-area: bytes; text-align: right; } .rows .h-age { grid-area: age; text-align: right; } .h-run { grid-area: run; } .h-diff { grid-area: diff; text-align: right; }
  .days tr, .buckets tr { grid-template-columns: 1fr auto auto; grid-template-areas: "day day rate" "bar bar bar" "lookups refused saved"; }
  .days .d-day, .d-day { grid-area: day; font-weight: 600; white-space: normal; } .d-bar { grid-area: bar; } .rows .d-rate { grid-area: rate; text-align: right; } .rows .d-lookups { grid-area: lookups; text-align: left; color: var(--soft); font-size: 0.8125rem; } .rows .d-saved { grid-area: saved; text-align: right; font-size: 0.8125rem; } .rows .d-refused { grid-area: refused; font-size: 0.8125rem; }
  .tokens tr { grid-template-columns: 1fr auto; grid-template-areas: "label state" "used used" "scopes scopes" "calls refused"; }
  .t-label { grid-area: label; font-weight: 600; } .t-state { grid-area: state; } .t-scopes { grid-area: scopes; } .t-used { grid-area: used; } .rows .t-calls { grid-area: calls; text-align: left; font-size: 0.8125rem; } .rows .t-refused { grid-area: refused; justify-self: end; font-size: 0.8125rem; }
  .connections tr { grid-template-columns: 1fr auto; grid-template-areas: "name state" "place place" "secret at"; }
  .k-name { grid-area: name; } .k-state { grid-area: state; justify-self: end; } .k-place { grid-area: place; } .k-secret { grid-area: secret; font-size: 0.8125rem; } .k-at { grid-area: at; }
  .facts { grid-template-columns: 1fr; gap: 0.1rem; } .facts dd { margin-bottom: 0.5rem; }
  .tenants tr { grid-template-columns: 1fr 1fr; grid-template-areas: "name state" "calls bad" "refused at" "storage bucket" "silent silent"; gap: 0.2rem 0.75rem; }
  .n-name { grid-area: name; } .n-state { grid-area: state; justify-self: end; } .n-calls { grid-area: calls; } .n-bad { grid-area: bad; } .n-refused { grid-area: refused; } .n-storage { grid-area: storage; } .n-bucket { grid-area: bucket; } .n-at { grid-area: at; } .n-silent { grid-area: silent; }
  .rows .n-calls, .rows .n-refused { text-align: left; } .rows .n-bad, .rows td.n-at { text-align: right; } .tenants .number, .tenants .n-at { font-size: 0.8125rem; color: var(--soft); }
  .actions tr { grid-template-columns: 1fr auto; grid-template-areas: "tenant time" "action by" "changed changed"; }
  .a-time { grid-area: time; } .a-tenant { grid-area: tenant; font-weight: 600; } .a-action { grid-area: action; } .a-changed { grid-area: changed; } .rows td.a-by { grid-area: by; text-align: right; }
  .parts tr { grid-template-columns: 1fr auto; grid-template-areas: "name state" "schema schema" "what what"; }
  .p-name { grid-area: name; font-weight: 600; } .p-state { grid-area: state; } .p-schema { grid-area: schema; font-size: 0.8125rem; } .p-what { grid-area: what; }
  .n-state, .n-storage, .n-bucket, .a-action, .a-by, .a-time, .a-time .time, .panel .time { white-space: normal; }
  .sizes, .refusals { width: 100%; min-width: 0; }
  .sizes tr, .refusals tr { grid-template-columns: 1fr auto auto; }
  .line label, .line .sure, .line input, .line select, .line-name { width: 100%; min-width: 0; }
  .line label { flex: 1 1 8rem; } .line input, .line select { min-height: 2.5rem; }
  .line-name, .line select { flex-basis: 100%; }
  .held tr { grid-template-columns: 1fr auto; grid-template-areas: "tool state" "agent left" "by held"; }
  .y-tool { grid-area: tool; } .y-agent { grid-area: agent; } .rows .y-state { grid-area: state; text-align: right; } .rows .y-left { grid-area: left; text-align: right; } .rows .y-held { grid-area: held; text-align: right; } .y-by { grid-area: by; font-size: 0.8125rem; }
  .card-head .status { margin-left: 0; }
  .fixes li { grid-template-columns: 4rem 1fr; }
  .unit { display: inline; }
  .status.ok { padding-right: 0; }
  .waterfall li { grid-template-columns: auto 1fr auto; gap: 0.1rem 0.75rem; padding: 0.45rem 0.9rem; }
  .waterfall svg { grid-column: 1 / -1; grid-row: 2; height: 0.7rem; }
  .waterfall .note { text-align: right; }
  .steps > li { padding: 0.5rem 0 0.55rem 0.75rem; }
  .steps .at { float: none; display: block; width: auto; margin: 0; text-align: left; }
}
@media (prefers-reduced-motion: no-preference) {
  html { scroll-behavior: smooth; }
  .flash { background: none; animation: flash 2s ease-out; }
}
@keyframes flash { from { background: light-dark(#cfe0fa, #2a446e); } }
@media print { header nav, header form, .filters, footer { display: none; } }
`;
