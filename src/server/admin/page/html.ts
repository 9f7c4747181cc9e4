// Made by `npm run page` from what is in client/. Never edited by hand.

export const HTML: string = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Collection backfill</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%231667d9'/%3E%3Cpath d='M4 5h8M4 8h5M4 11h2' stroke='white' stroke-width='1.8' stroke-linecap='round'/%3E%3C/svg%3E">
<style>:root {
  color-scheme: light dark;
  --ground: light-dark(#f3f5f7, #0b1015);
  --surface: light-dark(#ffffff, #131a21);
  --raised: light-dark(#f3f6f9, #1b242d);
  --line: light-dark(#d9e0e6, #26313c);
  --edge: light-dark(#8794a0, #64727f);
  --ink: light-dark(#0f1a24, #e7edf3);
  --quiet: light-dark(#51606d, #9aa8b6);
  --accent: light-dark(#1263d3, #66aeff);
  --on-accent: light-dark(#ffffff, #06182c);
  --accent-soft: light-dark(#dce9fb, #12304f);
  --walking: light-dark(#0b7a6f, #3fd0bd);
  --failed: light-dark(#b8243b, #ff8a95);
  --failed-soft: light-dark(#fdecee, #34171c);
  --paused: light-dark(#7a5200, #f5bf5c);
  --paused-soft: light-dark(#fff4dc, #2f2510);
  --track: light-dark(#e3e9ee, #232d37);
  --row-height: 3.5rem;
  --gap: 1.25rem;
  font:
    1rem / 1.45 ui-sans-serif,
    system-ui,
    -apple-system,
    "Segoe UI",
    Roboto,
    "Noto Sans",
    sans-serif;
  font-variant-numeric: tabular-nums;
}

*,
*::before,
*::after {
  box-sizing: border-box;
}

body {
  margin: 0 auto;
  max-width: 76rem;
  padding: 0 1.5rem 3rem;
  background: var(--ground);
  color: var(--ink);
}

h1,
h2,
p,
dl,
dd,
ul,
ol,
figure {
  margin: 0;
  padding: 0;
}

h1 {
  font-size: 1.25rem;
  letter-spacing: -0.01em;
}

h2 {
  font-size: 1rem;
  font-weight: 600;
}

ul,
ol {
  list-style: none;
}

button,
input {
  font: inherit;
  color: inherit;
}

:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 2px;
}

#collections:focus {
  outline: none;
}

.hidden-text {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.skip {
  position: absolute;
  left: 1rem;
  top: -4rem;
  z-index: 3;
  padding: 0.5rem 0.75rem;
  border-radius: 0.5rem;
  background: var(--accent);
  color: var(--on-accent);
}

.skip:focus {
  top: 0.5rem;
}

button {
  min-height: 2.5rem;
  padding: 0.35rem 1rem;
  border: 1px solid var(--edge);
  border-radius: 0.55rem;
  background: var(--surface);
  font-weight: 550;
  white-space: nowrap;
  cursor: pointer;
}

button:hover {
  border-color: var(--accent);
  color: var(--accent);
}

button[aria-busy="true"] {
  cursor: progress;
}

button.primary {
  border-color: var(--accent);
  background: var(--accent);
  color: var(--on-accent);
}

button.primary:hover {
  filter: brightness(1.08);
}

button.small {
  min-height: 2rem;
  padding: 0.15rem 0.75rem;
  font-size: 0.875rem;
}

button.link {
  min-height: 1.75rem;
  padding: 0 0.15rem;
  border: 0;
  background: none;
  color: var(--accent);
  text-decoration: underline;
  text-underline-offset: 0.2em;
}

input {
  min-height: 2.5rem;
  width: 100%;
  padding: 0.35rem 0.75rem;
  border: 1px solid var(--edge);
  border-radius: 0.55rem;
  background: var(--surface);
}

input::placeholder {
  color: var(--quiet);
  opacity: 1;
}

label {
  font-size: 0.875rem;
  color: var(--quiet);
}

[hidden] {
  display: none !important;
}

.banner {
  position: sticky;
  top: 0;
  z-index: 2;
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem 1rem;
  align-items: center;
  justify-content: space-between;
  margin: 0 -1.5rem;
  padding: 0.6rem 1.5rem;
  background: var(--paused-soft);
  border-bottom: 1px solid var(--paused);
  color: var(--paused);
}

.top {
  display: grid;
  grid-template-columns: auto 1fr auto;
  gap: 0.75rem 1.25rem;
  align-items: center;
  padding: 1.5rem 0 1.25rem;
}

.from {
  color: var(--quiet);
  font-size: 0.9375rem;
  overflow-wrap: anywhere;
}

.chips {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem;
}

.chip {
  display: inline-flex;
  align-items: center;
  gap: 0.45rem;
  padding: 0.2rem 0.7rem;
  border: 1px solid var(--line);
  border-radius: 1rem;
  background: var(--surface);
  font-size: 0.875rem;
  font-weight: 550;
}

.chip::before {
  content: "";
  width: 0.5rem;
  height: 0.5rem;
  border-radius: 50%;
  background: var(--tone, var(--edge));
}

.chip.plain {
  border-color: transparent;
  background: none;
  color: var(--quiet);
  font-weight: 400;
}

.chip[data-tone="running"],
.chip[data-state="live"] {
  --tone: var(--walking);
}

.chip[data-tone="complete"] {
  --tone: var(--accent);
}

.chip[data-tone="failed"] {
  --tone: var(--failed);
}

.chip[data-tone="paused"],
.chip[data-state="waiting"] {
  --tone: var(--paused);
}

.controls {
  display: flex;
  gap: 0.75rem;
  align-items: end;
}

.field {
  display: flex;
  gap: 0.5rem;
}

.field input {
  width: 19rem;
}

#complaint {
  grid-column: 1 / -1;
}

.notice {
  padding: 0.6rem 0.9rem;
  border-left: 3px solid;
  border-radius: 0.35rem;
  overflow-wrap: anywhere;
}

.notice.error {
  background: var(--failed-soft);
  color: var(--failed);
}

.notice.pause {
  background: var(--paused-soft);
  color: var(--paused);
}

main {
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  gap: var(--gap);
}

.card,
.overview {
  padding: 1.25rem 1.5rem;
  border: 1px solid var(--line);
  border-radius: 0.9rem;
  background: var(--surface);
}

.overview {
  display: grid;
  gap: 1rem;
}

.hero {
  display: flex;
  flex-wrap: wrap;
  gap: 0 0.9rem;
  align-items: baseline;
}

.percent {
  font-size: clamp(2.75rem, 9vw, 4.25rem);
  font-weight: 650;
  letter-spacing: -0.045em;
  line-height: 1.05;
}

.done {
  font-size: 1.125rem;
  color: var(--quiet);
}

.whole {
  height: 0.75rem;
  overflow: hidden;
  border-radius: 0.4rem;
  background: var(--track);
}

.whole span {
  display: block;
  height: 100%;
  background: var(--accent);
  transform: scaleX(0);
  transform-origin: left;
  transition: transform 0.4s ease-out;
}

.numbers {
  display: grid;
  grid-template-columns: repeat(4, minmax(0, 1fr));
  gap: 1rem 1.5rem;
  padding-top: 0.25rem;
}

.numbers div {
  display: grid;
  align-content: start;
}

.numbers dt {
  font-size: 0.875rem;
  color: var(--quiet);
}

.numbers dd {
  font-size: 1.625rem;
  font-weight: 600;
  letter-spacing: -0.02em;
  line-height: 1.25;
}

.numbers dd.note {
  font-size: 0.8125rem;
  font-weight: 400;
  letter-spacing: 0;
  line-height: 1.45;
  color: var(--quiet);
}

figcaption {
  display: flex;
  flex-wrap: wrap;
  justify-content: space-between;
  gap: 0.25rem 1rem;
  margin-bottom: 0.75rem;
}

.reading {
  color: var(--quiet);
}

.plot,
.times {
  display: grid;
  grid-template-columns: 2.75rem minmax(0, 1fr);
}

.scale {
  position: relative;
}

#curve {
  display: block;
  width: 100%;
  height: 150px;
  overflow: visible;
  border-bottom: 1px solid var(--line);
  touch-action: pan-y;
}

#curve .across {
  stroke: var(--line);
  stroke-dasharray: 2 4;
}

#curve .line {
  fill: none;
  stroke: var(--accent);
  stroke-width: 2;
  stroke-linejoin: round;
}

#curve .area {
  fill: var(--accent-soft);
  opacity: 0.7;
}

#curve .marker line {
  stroke: var(--quiet);
}

#curve .marker circle {
  fill: var(--accent);
  stroke: var(--surface);
  stroke-width: 2;
}

.scale span {
  position: absolute;
  left: 0;
  color: var(--quiet);
  font-size: 0.75rem;
  line-height: 1;
}

#scale-top {
  top: -0.4rem;
}

#scale-middle {
  top: calc(var(--middle, 75px) - 0.4rem);
}

.times {
  grid-template-columns: 2.75rem repeat(3, minmax(0, 1fr));
  margin-top: 0.35rem;
  color: var(--quiet);
  font-size: 0.75rem;
}

.times span:first-child {
  grid-column: 2;
}

.times span:nth-child(2) {
  text-align: center;
}

.times span:nth-child(3) {
  text-align: right;
}

#chart .none {
  display: none;
  color: var(--quiet);
}

#chart.empty :is(.plot, .times, details) {
  display: none;
}

#chart.empty .none {
  display: block;
}

summary {
  width: fit-content;
  padding: 0.25rem 0;
  color: var(--quiet);
  font-size: 0.875rem;
  cursor: pointer;
}

.plain {
  border-collapse: collapse;
  font-size: 0.875rem;
}

.plain :is(th, td) {
  padding: 0.2rem 1.5rem 0.2rem 0;
  text-align: left;
}

.head {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem 1rem;
  align-items: center;
  justify-content: space-between;
}

.failures {
  padding-bottom: 0.75rem;
}

#failures-title::before {
  content: "";
  display: inline-block;
  width: 0.6rem;
  height: 0.6rem;
  margin-right: 0.55rem;
  border-radius: 50%;
  background: var(--failed);
}

.failures li {
  display: grid;
  grid-template-columns: minmax(0, 1fr) auto;
  gap: 0 1rem;
  align-items: start;
  padding: 0.7rem 0;
  border-top: 1px solid var(--line);
}

.failures .head {
  padding-bottom: 0.75rem;
}

.failures li p {
  grid-column: 1;
}

.failures li button {
  grid-area: 1 / 2 / span 3;
}

#log {
  padding-block: 0.75rem;
}

#log-count {
  padding-left: 0.2rem;
  font-weight: 600;
}

.reason {
  color: var(--failed);
  font-size: 0.9375rem;
  overflow-wrap: anywhere;
}

.when {
  color: var(--quiet);
  font-size: 0.8125rem;
}

#log-list {
  display: grid;
  gap: 0.75rem;
  padding-top: 0.5rem;
}

#log-list .subject {
  overflow-wrap: anywhere;
}

.nsid {
  font-family: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 0.875rem;
  font-weight: 600;
  overflow-wrap: anywhere;
}

.authority {
  color: var(--quiet);
  font-weight: 400;
}

#collections {
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  gap: 0.75rem;
  padding-top: 0.5rem;
  scroll-margin-top: 1rem;
}

.toolbar {
  display: flex;
  flex-wrap: wrap;
  gap: 0.75rem;
  align-items: center;
  justify-content: space-between;
}

.filters {
  display: flex;
  flex-wrap: wrap;
  gap: 0.4rem;
}

.filters button {
  min-height: 2.25rem;
  padding: 0.2rem 0.8rem;
  border-color: var(--line);
  border-radius: 1.2rem;
  font-size: 0.875rem;
}

.filters span {
  padding-left: 0.2rem;
  color: var(--quiet);
  font-weight: 400;
}

.filters button[aria-pressed="true"] {
  border-color: var(--ink);
  background: var(--ink);
  color: var(--ground);
}

.filters button[aria-pressed="true"] span {
  color: inherit;
}

.search {
  flex: 0 1 18rem;
}

#row-probe {
  position: absolute;
  width: 0;
  height: var(--row-height);
  visibility: hidden;
}

#table,
#table :is(thead, tbody) {
  display: block;
}

#table {
  border: 1px solid var(--line);
  border-radius: 0.9rem;
  background: var(--surface);
}

#table tr {
  --tone: var(--quiet);
  display: grid;
  grid-template-columns: minmax(0, 1fr) 7rem 11rem 7.5rem 6.5rem 5.5rem;
  gap: 0 1rem;
  align-items: center;
  padding: 0 1.25rem;
}

#table thead {
  position: sticky;
  top: 0;
  z-index: 1;
  border-bottom: 1px solid var(--line);
  border-radius: 0.9rem 0.9rem 0 0;
  background: var(--raised);
}

#table tbody {
  position: relative;
  overflow: hidden;
  border-radius: 0 0 0.9rem 0.9rem;
}

#table tbody tr {
  position: absolute;
  left: 0;
  right: 0;
  height: var(--row-height);
  border-bottom: 1px solid var(--line);
}

#table tbody tr:focus-visible {
  outline-offset: -3px;
}

#table :is(th, td) {
  min-width: 0;
  padding: 0;
  font-weight: inherit;
  text-align: left;
}

#table thead button {
  min-height: 2.5rem;
  padding: 0;
  border: 0;
  background: none;
  color: var(--quiet);
  font-size: 0.8125rem;
}

#table thead button:hover {
  color: var(--ink);
}

#table thead button::after {
  content: " \\2195" / "";
  opacity: 0.45;
}

#table [aria-sort="ascending"] button::after {
  content: " \\2191" / "";
  opacity: 1;
}

#table [aria-sort="descending"] button::after {
  content: " \\2193" / "";
  opacity: 1;
}

#table thead [aria-sort$="ending"] button {
  color: var(--ink);
}

#table :is(.imported, .expected) {
  text-align: right;
}

#table td {
  font-size: 0.9375rem;
}

#table td.expected {
  color: var(--quiet);
}

#table td.action {
  text-align: right;
}

#table tbody :is(.nsid, .detail) {
  display: block;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.detail {
  color: var(--quiet);
  font-size: 0.8125rem;
}

#table td.state {
  display: flex;
  gap: 0.4rem;
  align-items: center;
  color: var(--tone);
}

.icon {
  flex: none;
  width: 1rem;
  height: 1rem;
  fill: none;
  stroke: currentColor;
  stroke-width: 2;
  stroke-linecap: round;
  stroke-linejoin: round;
}

#table tr[data-state="walking"] {
  --tone: var(--walking);
}

#table tr[data-state="walking"] .icon {
  fill: currentColor;
}

#table tr[data-state="failed"] {
  --tone: var(--failed);
}

#table tr[data-state="complete"] {
  --tone: var(--accent);
}

#table tr[data-state="failed"] .detail {
  color: var(--failed);
}

#table td.progress {
  display: grid;
  grid-template-columns: minmax(0, 1fr) 3rem;
  gap: 0.6rem;
  align-items: center;
}

.part {
  color: var(--quiet);
  font-size: 0.8125rem;
  text-align: right;
}

.bar {
  height: 0.4rem;
  overflow: hidden;
  border-radius: 0.2rem;
  background: var(--track);
}

.fill {
  display: block;
  height: 100%;
  border-radius: inherit;
  background: var(--tone);
  transform-origin: left;
}

.bar.unknown .fill {
  background: repeating-linear-gradient(115deg, var(--tone) 0 3px, transparent 3px 8px);
  opacity: 0.6;
}

.nothing {
  color: var(--quiet);
}

dialog {
  width: min(26rem, calc(100vw - 2rem));
  padding: 1.5rem;
  border: 1px solid var(--line);
  border-radius: 0.9rem;
  background: var(--surface);
  color: inherit;
}

dialog::backdrop {
  background: light-dark(rgb(15 26 36 / 45%), rgb(0 0 0 / 65%));
}

dialog form {
  display: grid;
  gap: 0.6rem;
}

dialog p {
  color: var(--quiet);
}

dialog .error-text {
  min-height: 1.45em;
  color: var(--failed);
}

footer {
  margin-top: 2rem;
  color: var(--quiet);
  font-size: 0.875rem;
}

@media (max-width: 46rem) {
  :root {
    --row-height: 6rem;
  }

  body {
    padding: 0 1rem 2rem;
  }

  .banner {
    margin: 0 -1rem;
    padding: 0.6rem 1rem;
  }

  .top {
    grid-template-columns: minmax(0, 1fr);
    padding: 1rem 0;
  }

  .controls,
  #start-form,
  #stop,
  #enter-token {
    width: 100%;
  }

  .field input {
    flex: 1;
    width: 0;
  }

  .card,
  .overview {
    padding: 1rem;
  }

  .numbers {
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: 0.9rem 1rem;
  }

  .numbers dt {
    font-size: 0.8125rem;
  }

  .numbers dd:not(.note) {
    font-size: 1.3125rem;
  }

  .failures li p {
    grid-column: 1 / -1;
  }

  .failures li button {
    grid-area: 1 / 2;
  }

  .head {
    flex-wrap: nowrap;
  }

  #table thead button {
    min-height: 2.1rem;
  }

  .search {
    flex: 1 0 100%;
  }

  #table thead tr {
    display: flex;
    flex-wrap: wrap;
    gap: 0 1rem;
    padding: 0.15rem 1rem;
  }

  #table thead .action {
    display: none;
  }

  #table tbody tr {
    grid-template-columns: auto auto minmax(0, 1fr) auto;
    grid-template-areas:
      "name name name action"
      "progress progress progress progress"
      "state imported expected expected";
    gap: 0.1rem 0.75rem;
    align-content: center;
    padding: 0 1rem;
  }

  #table tbody .name {
    grid-area: name;
  }

  #table tbody .state {
    grid-area: state;
  }

  #table tbody .progress {
    grid-area: progress;
  }

  #table tbody .imported {
    grid-area: imported;
  }

  #table tbody .expected {
    grid-area: expected;
    text-align: left;
  }

  #table tbody .expected::before {
    content: "of ";
  }

  #table tbody .action {
    grid-area: action;
  }

  #table td {
    font-size: 0.8125rem;
  }
}

@media (prefers-reduced-motion: no-preference) {
  .chip[data-tone="running"]::before {
    animation: pulse 1.8s ease-in-out infinite;
  }
}

@media (prefers-reduced-motion: reduce) {
  .whole span {
    transition: none;
  }
}

@media (forced-colors: active) {
  .fill,
  .whole span,
  .chip::before {
    forced-color-adjust: none;
  }
}

@keyframes pulse {
  50% {
    opacity: 0.35;
  }
}
</style>
</head>
<body>
<a class="skip" href="#collections">Skip to the collections</a>
<div id="disconnected" class="banner" hidden>
  <p id="disconnected-text"></p>
  <button type="button" id="reconnect" class="small">Try now</button>
</div>
<header class="top">
  <div class="title">
    <h1>Collection backfill</h1>
    <p id="from" class="from" hidden>from <bdi id="source-shown"></bdi></p>
  </div>
  <p class="chips"><span id="state" class="chip" data-tone="idle">Idle</span> <span id="connection" class="chip plain" data-state="connecting">Connecting…</span></p>
  <div class="controls">
    <form id="start-form">
      <label for="source">Source relay</label>
      <div class="field">
        <input id="source" name="source" type="text" list="sources" required autocomplete="off" autocapitalize="none" spellcheck="false" inputmode="url" placeholder="relay.example.org">
        <datalist id="sources"></datalist>
        <button type="submit" id="start" class="primary" data-busy="Starting…">Start</button>
      </div>
    </form>
    <button type="button" id="stop" data-busy="Stopping…" hidden>Stop</button>
    <button type="button" id="enter-token" class="primary" hidden>Enter the token</button>
  </div>
  <p id="complaint" class="notice error" role="alert" hidden></p>
</header>
<main>
  <section class="overview" aria-labelledby="overview-title">
    <h2 id="overview-title" class="hidden-text">Overview</h2>
    <p class="hero"><span id="percent" class="percent">–</span> <span id="done" class="done">no collections yet</span></p>
    <div class="whole" aria-hidden="true"><span id="bar-done"></span></div>
    <p id="pause" class="notice pause" hidden></p>
    <p id="store-error" class="notice error" hidden></p>
    <p id="run-error" class="notice error" hidden></p>
    <dl class="numbers">
      <div><dt>Pairs</dt><dd id="pairs">–</dd><dd id="pairs-of" class="note">imported</dd></div>
      <div><dt>Pairs per second</dt><dd id="pairs-per-second">–</dd><dd class="note rate-note">last ten seconds</dd></div>
      <div><dt>Requests per second</dt><dd id="requests-per-second">–</dd><dd class="note rate-note">last ten seconds</dd></div>
      <div><dt id="time-name">Time left</dt><dd id="time-left">–</dd><dd id="time-note" class="note"></dd></div>
    </dl>
  </section>
  <figure id="chart" class="card empty">
    <figcaption><h2>Throughput</h2> <span id="reading" class="reading"></span></figcaption>
    <div class="plot">
      <div id="curve-scale" class="scale" aria-hidden="true"><span id="scale-top"></span><span id="scale-middle"></span></div>
      <svg id="curve" role="img" aria-label="There is no curve before the backfill has run a while." preserveAspectRatio="none"></svg>
    </div>
    <p class="times" aria-hidden="true"><span id="time-start"></span><span id="time-middle"></span><span id="time-end">now</span></p>
    <p class="none">The curve begins a few seconds after the start.</p>
    <details id="chart-details">
      <summary>As a table</summary>
      <table class="plain">
        <thead><tr><th scope="col">When</th><th scope="col">Pairs per second</th></tr></thead>
        <tbody id="chart-rows"></tbody>
      </table>
    </details>
  </figure>
  <section id="failures" class="card failures" aria-labelledby="failures-title" hidden>
    <div class="head">
      <h2 id="failures-title">Failed</h2>
      <button type="button" id="retry-all" data-busy="Retrying…">Retry all</button>
    </div>
    <ul id="failure-list"></ul>
    <button type="button" id="failures-more" class="link" hidden>Show all</button>
  </section>
  <details id="log" class="card" hidden>
    <summary>What went wrong so far <span id="log-count"></span></summary>
    <ol id="log-list"></ol>
  </details>
  <section id="collections" aria-labelledby="collections-title" tabindex="-1">
    <h2 id="collections-title">Collections</h2>
    <div class="toolbar">
      <div class="filters" role="group" aria-label="Show collections by state">
        <button type="button" data-filter="all" aria-pressed="true">All <span>0</span></button>
        <button type="button" data-filter="walking" aria-pressed="false">Walking <span>0</span></button>
        <button type="button" data-filter="failed" aria-pressed="false">Failed <span>0</span></button>
        <button type="button" data-filter="pending" aria-pressed="false">Pending <span>0</span></button>
        <button type="button" data-filter="complete" aria-pressed="false">Complete <span>0</span></button>
      </div>
      <label class="search"><span class="hidden-text">Search by name</span><input id="search" type="search" placeholder="Search by name" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
    </div>
    <div id="row-probe" aria-hidden="true"></div>
    <table id="table" role="table" aria-labelledby="collections-title" aria-rowcount="1" hidden>
      <thead role="rowgroup">
        <tr role="row" aria-rowindex="1">
          <th role="columnheader" scope="col" class="name" aria-sort="none"><button type="button" data-sort="collection">Collection</button></th>
          <th role="columnheader" scope="col" class="state" aria-sort="ascending"><button type="button" data-sort="state">State</button></th>
          <th role="columnheader" scope="col" class="progress" aria-sort="none"><button type="button" data-sort="progress">Progress</button></th>
          <th role="columnheader" scope="col" class="imported" aria-sort="none"><button type="button" data-sort="imported">Imported</button></th>
          <th role="columnheader" scope="col" class="expected" aria-sort="none"><button type="button" data-sort="expected">Expected</button></th>
          <th role="columnheader" scope="col" class="action"><span class="hidden-text">Action</span></th>
        </tr>
      </thead>
      <tbody id="rows" role="rowgroup"></tbody>
    </table>
    <p id="shown" class="nothing" role="status"></p>
  </section>
</main>
<footer>
  <p>The token stays in this tab. <button type="button" id="forget" class="link">Forget it now</button></p>
</footer>
<p id="announcements" class="hidden-text" role="status" aria-live="polite"></p>
<dialog id="token-dialog" aria-labelledby="token-title">
  <form id="token-form">
    <h2 id="token-title">Token</h2>
    <p id="token-help">The admin token of this server. It is kept for this tab, until you close it.</p>
    <label for="token">Token</label>
    <input id="token" type="password" required autocomplete="off" aria-describedby="token-help token-error">
    <p id="token-error" class="error-text" role="alert"></p>
    <button type="submit" class="primary">Continue</button>
  </form>
</dialog>
<noscript><p class="notice error">This page needs JavaScript.</p></noscript>
<script type="module">// src/server/admin/page/client/dom.ts
function byId(id, kind) {
	const element = document.getElementById(id);
	if (!(element instanceof kind)) throw new Error(\`The page has no \${kind.name} #\${id}.\`);
	return element;
}
function element(tag, attributes = {}, ...children) {
	const made = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
	made.append(...children);
	return made;
}
const SVG = "http://www.w3.org/2000/svg";
function svg(tag, attributes = {}, ...children) {
	const made = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
	made.append(...children);
	return made;
}
function setText(node, text) {
	if (node.textContent !== text) node.textContent = text;
}
function setAttribute(node, name, value) {
	if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
function setHidden(node, hidden) {
	if (node.hidden !== hidden) node.hidden = hidden;
}
const UNPRINTABLE = /[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]/gu;
function printable(text) {
	return text.replace(/\\s+/g, " ").replace(UNPRINTABLE, "�").trim();
}
// src/server/admin/page/client/actions.ts
function createAct(onError) {
	return (button, action) => {
		if (button.ariaBusy === "true") return;
		button.ariaBusy = "true";
		const label = button.textContent;
		setText(button, button.dataset.busy ?? label);
		action().catch(onError).finally(() => {
			button.ariaBusy = "false";
			setText(button, label);
		});
	};
}
function createControls(api, act) {
	const form = byId("start-form", HTMLFormElement);
	const source = byId("source", HTMLInputElement);
	const start = byId("start", HTMLButtonElement);
	const stop = byId("stop", HTMLButtonElement);
	const complaint = byId("complaint", HTMLElement);
	let known = "";
	const complain = (message) => {
		setHidden(complaint, message === "");
		setText(complaint, printable(message));
	};
	form.addEventListener("submit", (event) => {
		event.preventDefault();
		complain("");
		act(start, () => api.start(source.value.trim()));
	});
	stop.addEventListener("click", () => {
		complain("");
		act(stop, () => api.stop());
	});
	return {
		complain,
		draw({ totals }) {
			if (totals === void 0) return;
			const hadFocus = form.contains(document.activeElement) || document.activeElement === stop;
			const isSame = form.hidden === totals.running;
			setHidden(form, totals.running);
			setHidden(stop, !totals.running);
			if (hadFocus && !isSame) (totals.running ? stop : source).focus();
			const sources = [...new Set([totals.source, ...totals.sources ?? []])].filter((host) => host !== null);
			if (sources.join() === known) return;
			known = sources.join();
			if (source.value === "") source.value = sources[0] ?? "";
			byId("sources", HTMLDataListElement).replaceChildren(...sources.map((host) => element("option", { value: host })));
		}
	};
}
// src/server/admin/page/client/announcer.ts
const PAUSE_MS = 2500;
function createAnnouncer(region) {
	let waiting = [];
	let timer;
	function flush() {
		timer = void 0;
		if (waiting.length === 0) return;
		region.textContent = waiting.slice(-3).join(" ");
		waiting = [];
		timer = setTimeout(flush, PAUSE_MS);
	}
	return { say(sentence) {
		if (waiting.at(-1) !== sentence) waiting.push(sentence);
		if (timer === void 0) flush();
	} };
}
// src/server/admin/page/client/api.ts
var RefusedError = class extends Error {
	name = "RefusedError";
};
function createApi(path, token) {
	const base = path.replace(/\\/+$/, "");
	async function ask(url, init = {}, headers = {}) {
		const given = token();
		if (given === void 0) throw new RefusedError("There is no token.");
		const response = await fetch(url, {
			...init,
			headers: {
				accept: "application/json",
				...headers,
				authorization: \`Bearer \${given}\`
			},
			cache: "no-store",
			credentials: "same-origin",
			redirect: "error"
		});
		if (response.status === 401) throw new RefusedError("The token was refused.");
		if (!response.ok) throw new Error(await wordsOf(response));
		return response;
	}
	const tell = async (url, method) => {
		await ask(url, { method });
	};
	return {
		events: (lastEventId, signal) => ask(\`\${base}/events\`, { signal }, {
			accept: "text/event-stream",
			...lastEventId !== void 0 && { "last-event-id": lastEventId }
		}),
		start: (source) => tell(\`\${base}?\${query({ source })}\`, "POST"),
		stop: () => tell(base, "DELETE"),
		retry: (source, collection) => tell(\`\${base}/retry?\${query({
			source,
			collection
		})}\`, "POST")
	};
}
function query(parameters) {
	const search = new URLSearchParams();
	for (const [name, value] of Object.entries(parameters)) if (value !== void 0) search.set(name, value);
	return search.toString();
}
async function wordsOf(response) {
	const body = await response.json().catch(() => void 0);
	if (typeof body === "object" && body !== null) {
		if ("message" in body && typeof body.message === "string") return body.message;
		if ("error" in body && typeof body.error === "string") return body.error;
	}
	return \`The server answered with status \${response.status}.\`;
}
// src/server/admin/page/client/format.ts
const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", {
	notation: "compact",
	maximumSignificantDigits: 3
});
const clock = new Intl.DateTimeFormat("en-GB", {
	hour: "2-digit",
	minute: "2-digit",
	second: "2-digit"
});
const day = new Intl.DateTimeFormat("en-GB", {
	day: "numeric",
	month: "short"
});
const count = (value) => whole.format(Math.round(value));
const shortCount = (value) => Math.abs(value) < 1e4 ? count(value) : compact.format(value);
function plural(value, one, many = \`\${one}s\`) {
	return \`\${count(value)} \${value === 1 ? one : many}\`;
}
function rate(value) {
	if (value === null) return "–";
	return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}
function duration(ms) {
	const seconds = Math.max(0, Math.ceil(ms / 1e3));
	if (seconds < 60) return \`\${seconds} s\`;
	if (seconds < 3600) return two(Math.floor(seconds / 60), "min", seconds % 60, "s");
	const minutes = Math.ceil(seconds / 60);
	if (minutes < 2880) return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
	const hours = Math.ceil(minutes / 60);
	return two(Math.floor(hours / 24), "d", hours % 24, "h");
}
function roughly(ms) {
	const seconds = Math.round(ms / 1e3);
	if (seconds < 60) return \`\${seconds} s\`;
	if (seconds < 3600) return \`\${Math.round(seconds / 60)} min\`;
	if (seconds < 172800) return \`\${Math.round(seconds / 360) / 10} h\`;
	return \`\${Math.round(seconds / 86400)} d\`;
}
function two(large, largeUnit, small, smallUnit) {
	return small === 0 ? \`\${large} \${largeUnit}\` : \`\${large} \${largeUnit} \${small} \${smallUnit}\`;
}
function percent(fraction) {
	const value = Math.max(0, fraction) * 100;
	return value > 0 && value < 10 ? \`\${(Math.floor(value * 10) / 10).toFixed(1)}%\` : \`\${Math.floor(value)}%\`;
}
function timeOf(iso, now = new Date()) {
	const time = new Date(iso);
	if (Number.isNaN(time.getTime())) return "–";
	return time.toDateString() === now.toDateString() ? clock.format(time) : \`\${day.format(time)}, \${clock.format(time)}\`;
}
// src/server/admin/page/client/curve.ts
const wordsFor = (running) => running ? {
	last: "now",
	before: "ago"
} : {
	last: "at the end",
	before: "earlier"
};
function momentOf(ms, { last, before }) {
	return ms < 1e3 ? last : \`\${duration(ms)} \${before}\`;
}
function curveOf(points, width, height, words) {
	const top = roundUp(Math.max(0, ...points.map(({ value }) => value)));
	const start = points[0]?.at ?? 0;
	const span = Math.max(1, (points.at(-1)?.at ?? 0) - start);
	const x = (at) => round((at - start) / span * width);
	const y = (value) => round(height - value / top * height);
	const corners = points.map(({ at, value }) => \`\${x(at)} \${y(value)}\`);
	const line = corners.length < 2 ? "" : \`M\${corners.join("L")}\`;
	return {
		line,
		area: line === "" ? "" : \`\${line}V\${height}H0Z\`,
		top,
		scale: [1, .5].map((part) => ({
			y: y(top * part),
			label: shortCount(top * part)
		})),
		times: [0, .5].map((part) => ({
			x: width * part,
			label: \`\${roughly(span * (1 - part))} \${words.before}\`
		})),
		nearest(place) {
			const point = nearestTo(points, start + place / width * span);
			return point && {
				x: x(point.at),
				y: y(point.value),
				point
			};
		}
	};
}
function describeCurve(points, words) {
	const last = points.at(-1);
	if (last === void 0 || points.length < 2) return "There is no curve before the backfill has run a while.";
	const peak = points.reduce((most, point) => point.value > most.value ? point : most, last);
	const mean = points.reduce((sum, { value }) => sum + value, 0) / points.length;
	return \`Pairs per second over \${duration(last.at - (points[0]?.at ?? last.at))}: \${shortCount(last.value)} \${words.last}, \${shortCount(mean)} on average, at most \${shortCount(peak.value)}, \${momentOf(last.at - peak.at, words)}.\`;
}
function thinned(points, most) {
	if (points.length <= most) return points;
	const step = (points.length - 1) / (most - 1);
	return Array.from({ length: most }, (_, i) => points[Math.round(i * step)]).filter((point) => point !== void 0);
}
function nearestTo(points, at) {
	let low = 0;
	let high = points.length - 1;
	while (high - low > 1) {
		const middle = low + high >> 1;
		if ((points[middle]?.at ?? 0) < at) low = middle;
		else high = middle;
	}
	const [before, after] = [points[low], points[high]];
	if (before === void 0 || after === void 0) return before ?? after;
	return at - before.at < after.at - at ? before : after;
}
function roundUp(value) {
	const power = 10 ** Math.floor(Math.log10(Math.max(value, 10)));
	return ([
		1,
		2,
		4,
		6,
		8
	].find((each) => each * power >= value) ?? 10) * power;
}
const round = (value) => Math.round(value * 10) / 10;
// src/server/admin/page/client/chart.ts
const HEIGHT = 150;
const ROWS = 12;
function createChart() {
	const figure = byId("chart", HTMLElement);
	const drawing = byId("curve", SVGSVGElement);
	const reading = byId("reading", HTMLElement);
	const details = byId("chart-details", HTMLDetailsElement);
	const marker = svg("g", {
		class: "marker",
		visibility: "hidden"
	}, svg("line"), svg("circle", { r: "4" }));
	let points = [];
	let words = wordsFor(true);
	let curve;
	let pointer;
	function redraw() {
		const width = drawing.clientWidth;
		if (width === 0) return;
		curve = curveOf(points, width, HEIGHT, words);
		drawing.setAttribute("viewBox", \`0 0 \${width} \${HEIGHT}\`);
		drawing.setAttribute("aria-label", describeCurve(points, words));
		drawing.replaceChildren(...shapes(curve, width), marker);
		label(byId("curve-scale", HTMLElement), curve);
		setText(byId("time-end", HTMLElement), words.last);
		mark();
		if (details.open) fillTable(points, words);
	}
	function mark() {
		const found = pointer === void 0 ? void 0 : curve?.nearest(pointer);
		marker.setAttribute("visibility", found ? "visible" : "hidden");
		if (found) place(marker, found);
		const last = points.at(-1);
		const when = momentOf(found && last ? last.at - found.point.at : 0, words);
		const shown = found?.point ?? last;
		setText(reading, shown ? \`\${count(shown.value)} pairs/s \${when}\` : "");
	}
	drawing.addEventListener("pointermove", ({ clientX }) => {
		pointer = clientX - drawing.getBoundingClientRect().left;
		mark();
	});
	drawing.addEventListener("pointerleave", () => {
		pointer = void 0;
		mark();
	});
	details.addEventListener("toggle", () => {
		if (details.open) fillTable(points, words);
	});
	new ResizeObserver(redraw).observe(figure);
	let isRunning;
	let drawn;
	return { draw(history, running) {
		if (history === drawn && running === isRunning) return;
		isRunning = running;
		words = wordsFor(running);
		drawn = history;
		points = history.map(({ at, pairs_per_second }) => ({
			at: Date.parse(at),
			value: pairs_per_second
		}));
		figure.classList.toggle("empty", points.length < 2);
		redraw();
	} };
}
function shapes({ scale, area, line }, width) {
	return [
		...scale.map(({ y }) => svg("line", {
			class: "across",
			x1: "0",
			x2: String(width),
			y1: String(y),
			y2: String(y)
		})),
		svg("path", {
			class: "area",
			d: area
		}),
		svg("path", {
			class: "line",
			d: line
		})
	];
}
function label(beside, { scale, times }) {
	const [upper, middle] = scale;
	const [start, half] = times;
	setText(byId("scale-top", HTMLElement), upper?.label ?? "");
	setText(byId("scale-middle", HTMLElement), middle?.label ?? "");
	setText(byId("time-start", HTMLElement), start?.label ?? "");
	setText(byId("time-middle", HTMLElement), half?.label ?? "");
	beside.style.setProperty("--middle", \`\${middle?.y ?? 0}px\`);
}
function place(marker, { x, y }) {
	const [line, dot] = marker.children;
	for (const [name, value] of Object.entries({
		x1: x,
		x2: x,
		y1: 0,
		y2: HEIGHT
	})) line?.setAttribute(name, String(value));
	dot?.setAttribute("cx", String(x));
	dot?.setAttribute("cy", String(y));
}
function fillTable(points, words) {
	const last = points.at(-1);
	const rows = thinned(points, ROWS).map(({ at, value }) => element("tr", {}, element("td", {}, momentOf(last === void 0 ? 0 : last.at - at, words)), element("td", {}, count(value))));
	byId("chart-rows", HTMLTableSectionElement).replaceChildren(...rows);
}
// src/server/admin/page/client/connection.ts
const NAMES = {
	connecting: "Connecting…",
	live: "Live",
	waiting: "Disconnected",
	locked: "Locked"
};
function createConnectionView(announcer) {
	const chip = byId("connection", HTMLElement);
	const banner = byId("disconnected", HTMLElement);
	const words = byId("disconnected-text", HTMLElement);
	let shown = { state: "connecting" };
	let wasLost = false;
	function tell() {
		chip.dataset.state = shown.state;
		setText(chip, NAMES[shown.state]);
		if (shown.state !== "waiting") return;
		const left = shown.until - Date.now();
		const when = left > 500 ? \`Trying again in \${duration(left)}.\` : "Trying again.";
		setText(words, \`Disconnected: what you see is no longer up to date. \${shown.reason} \${when}\`);
	}
	setInterval(tell, 1e3);
	return (connection) => {
		shown = connection;
		tell();
		if (connection.state !== "connecting") setHidden(banner, connection.state !== "waiting");
		const isLost = connection.state === "waiting";
		if (isLost && !wasLost) announcer.say("Disconnected from the server.");
		if (connection.state === "live" && wasLost) announcer.say("Connected again.");
		if (connection.state !== "connecting") wasLost = isLost;
	};
}
// src/server/admin/page/client/model.ts
const keyOf = ({ source, collection }) => \`\${source} \${collection}\`;
const MAX_SAMPLES = 600;
function createModel() {
	const rows = new Map();
	const counts = {
		pending: 0,
		walking: 0,
		failed: 0,
		complete: 0
	};
	const model = {
		rows,
		counts,
		totals: void 0,
		history: [],
		failures: [],
		version: 0,
		take(name, data) {
			const content = JSON.parse(data);
			if (name === "snapshot") return takeSnapshot(content);
			if (name === "totals") return takeTotals(content);
			const { row, failure } = content;
			if (row) takeRow(row);
			if (failure) model.failures = withFailure(model.failures, failure);
			return row;
		}
	};
	function takeRow(row) {
		const before = rows.get(keyOf(row));
		if (before !== void 0) counts[before.state] -= 1;
		counts[row.state] += 1;
		rows.set(keyOf(row), row);
		model.version += 1;
	}
	function takeSnapshot(status) {
		rows.clear();
		counts.pending = counts.walking = counts.failed = counts.complete = 0;
		for (const row of status.collections) takeRow(row);
		model.version += 1;
		model.history = status.history;
		model.failures = status.failures;
		model.totals = status;
	}
	function takeTotals(totals) {
		model.history = withSample(model.history, totals);
		model.totals = totals;
	}
	return model;
}
function withSample(history, totals) {
	const { running, at, pairs_per_second, requests_per_second } = totals;
	const last = history.at(-1);
	if (!running || pairs_per_second === null) return history;
	if (last !== void 0 && Date.parse(at) - Date.parse(last.at) < last.span_ms) return history;
	const sample = {
		at,
		span_ms: last?.span_ms ?? 1e3,
		pairs_per_second,
		requests_per_second: requests_per_second ?? 0
	};
	const longer = [...history, sample];
	if (longer.length <= MAX_SAMPLES) return longer;
	return longer.filter((_, i) => i % 2 === 0).map((each) => ({
		...each,
		span_ms: each.span_ms * 2
	}));
}
function withFailure(failures, failure) {
	return [...failure.times > 1 ? failures.slice(0, -1) : failures, failure].slice(-100);
}
// src/server/admin/page/client/icons.ts
const PATHS = {
	pending: "M8 3.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9Z",
	walking: "M4.5 3.5 12 8l-7.5 4.5Z",
	failed: "m4.5 4.5 7 7m0-7-7 7",
	complete: "m3.5 8.5 3 3 6-7"
};
function icon(state) {
	return svg("svg", {
		viewBox: "0 0 16 16",
		class: "icon",
		"aria-hidden": "true"
	}, path(state));
}
function path(state) {
	return svg("path", { d: PATHS[state] });
}
function changeIcon(drawn, state) {
	drawn.firstElementChild?.setAttribute("d", PATHS[state]);
}
// src/server/admin/page/client/selection.ts
const ORDER = {
	walking: 0,
	failed: 1,
	pending: 2,
	complete: 3
};
function progressOf({ state, imported, estimated_repos }) {
	if (state === "complete") return 1;
	if (imported === 0) return 0;
	if (estimated_repos === null || estimated_repos <= 0) return void 0;
	return Math.min(.99, imported / estimated_repos);
}
const KEYS = {
	state: ({ state }) => ORDER[state],
	progress: (row) => progressOf(row) ?? .5,
	imported: ({ imported }) => imported,
	expected: ({ estimated_repos }) => estimated_repos ?? -1
};
function select(rows, { state, search, by, descending }) {
	const wanted = search.trim().toLowerCase();
	const found = [...rows].filter((row) => (state === "all" || row.state === state) && (wanted === "" || row.collection.toLowerCase().includes(wanted)));
	const turn = descending ? -1 : 1;
	if (by === "collection") return found.sort((a, b) => turn * byName(a, b));
	const key = KEYS[by];
	return found.sort((a, b) => turn * (key(a) - key(b)) || bySize(a, b) || byName(a, b));
}
function bySize(a, b) {
	return (b.estimated_repos ?? b.imported) - (a.estimated_repos ?? a.imported);
}
function byName(a, b) {
	if (a.collection === b.collection) return 0;
	return a.collection < b.collection ? -1 : 1;
}
// src/server/admin/page/client/row-view.ts
const STATE_NAMES = {
	pending: "Pending",
	walking: "Walking",
	failed: "Failed",
	complete: "Complete"
};
function nameParts(nsid) {
	const cut = nsid.split(".", 2).join(".").length + 1;
	return cut >= nsid.length ? ["", nsid] : [nsid.slice(0, cut), nsid.slice(cut)];
}
function nameElement(nsid) {
	const [authority, name] = nameParts(printable(nsid));
	return element("bdi", {
		class: "nsid",
		title: printable(nsid)
	}, element("span", { class: "authority" }, authority), name);
}
function retryButton(row, onRetry) {
	const button = element("button", {
		type: "button",
		class: "small",
		"aria-label": \`Retry \${printable(row.collection)}\`,
		"data-busy": "Retrying…"
	}, "Retry");
	button.addEventListener("click", () => onRetry(row, button));
	return button;
}
function createRowView(given, onRetry) {
	const detail = element("span", { class: "detail" });
	const glyph = icon("pending");
	const state = element("span", { class: "state-name" });
	const fill = element("span", { class: "fill" });
	const part = element("span", { class: "part" });
	const bar = element("span", {
		class: "bar",
		"aria-hidden": "true"
	}, fill);
	const imported = element("td", {
		role: "cell",
		class: "imported"
	});
	const expected = element("td", {
		role: "cell",
		class: "expected"
	});
	const retry = retryButton(given, onRetry);
	const root = element("tr", {
		role: "row",
		tabindex: "-1"
	}, element("th", {
		role: "rowheader",
		scope: "row",
		class: "name"
	}, nameElement(given.collection), detail), element("td", {
		role: "cell",
		class: "state"
	}, glyph, state), element("td", {
		role: "cell",
		class: "progress"
	}, bar, part), imported, expected, element("td", {
		role: "cell",
		class: "action"
	}, retry));
	return {
		root,
		show(row, index, isOfMany) {
			const progress = progressOf(row);
			setAttribute(root, "aria-rowindex", String(index + 2));
			setAttribute(root, "data-state", row.state);
			changeIcon(glyph, row.state);
			setText(state, STATE_NAMES[row.state]);
			setText(detail, isOfMany ? \`\${printable(row.source)}, \${detailOf(row)}\` : detailOf(row));
			setText(part, progress === void 0 ? "–" : percent(progress));
			bar.classList.toggle("unknown", progress === void 0);
			fill.style.transform = \`scaleX(\${progress ?? 1})\`;
			setText(imported, count(row.imported));
			setText(expected, row.estimated_repos === null ? "–" : \`~\${shortCount(row.estimated_repos)}\`);
			if (row.state !== "failed" && document.activeElement === retry) root.focus();
			setHidden(retry, row.state !== "failed");
		}
	};
}
function detailOf(row) {
	const rejected = row.rejected > 0 ? \`, \${count(row.rejected)} rejected\` : "";
	const why = row.last_error === null ? "" : printable(row.last_error);
	switch (row.state) {
		case "walking": return \`page \${count(row.page)}\${rejected}\`;
		case "failed": return why || "given up";
		case "complete": return row.completed_at === null ? \`complete\${rejected}\` : \`since \${timeOf(row.completed_at)}\${rejected}\`;
		case "pending":
			if (row.not_before !== null) return \`again at \${timeOf(row.not_before)}\${why && \`: \${why}\`}\`;
			if (why !== "") return \`again soon: \${why}\`;
			return row.page > 0 ? \`goes on after \${plural(row.page, "page")}\` : "not begun";
	}
}
// src/server/admin/page/client/failures.ts
const SHOWN = 8;
function createFailures(onRetry, onRetryAll, onShowAll) {
	const section = byId("failures", HTMLElement);
	const list = byId("failure-list", HTMLUListElement);
	const more = byId("failures-more", HTMLButtonElement);
	const items = new Map();
	const all = byId("retry-all", HTMLButtonElement);
	more.addEventListener("click", onShowAll);
	all.addEventListener("click", () => onRetryAll(all));
	function leave(keys) {
		for (const [key, item] of items) {
			if (keys.has(key)) continue;
			const next = item.contains(document.activeElement) ? neighborOf(item) : void 0;
			item.remove();
			items.delete(key);
			next?.focus();
		}
	}
	return { draw({ rows, counts, failures }) {
		if (counts.failed === 0 && section.contains(document.activeElement)) byId("search", HTMLElement).focus({ preventScroll: true });
		setHidden(section, counts.failed === 0);
		const failed = counts.failed === 0 ? [] : [...rows.values()].filter(({ state }) => state === "failed");
		const times = new Map(failures.map(({ collection, at }) => [collection, at]));
		const shown = failed.slice(0, SHOWN);
		leave(new Set(shown.map(keyOf)));
		for (const row of shown) {
			const item = items.get(keyOf(row)) ?? itemOf(row, onRetry);
			items.set(keyOf(row), item);
			if (!item.isConnected) list.append(item);
			tell(item, row, times.get(row.collection));
		}
		setText(byId("failures-title", HTMLElement), \`\${plural(failed.length, "collection")} failed\`);
		setHidden(more, failed.length <= SHOWN);
		setText(more, \`Show all \${failed.length} in the table\`);
	} };
}
function itemOf(row, onRetry) {
	const reason = element("p", { class: "reason" });
	const when = element("p", { class: "when" });
	return element("li", {}, nameElement(row.collection), reason, when, retryButton(row, onRetry));
}
function neighborOf(item) {
	return (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("button") ?? void 0;
}
function tell(item, { last_error, attempts }, at) {
	const [reason, when] = item.querySelectorAll("p");
	const tries = attempts > 0 ? \`after \${plural(attempts, "try", "tries")}\` : "";
	if (reason) setText(reason, last_error === null ? "No reason was given." : printable(last_error));
	if (when) setText(when, [at === void 0 ? "" : timeOf(at), tries].filter((text) => text !== "").join(", "));
}
// src/server/admin/page/client/event-parser.ts
function createEventParser(onEvent, lastEventId) {
	let rest = "";
	let id = lastEventId;
	let name = "";
	let data = [];
	function dispatch() {
		if (data.length > 0) onEvent({
			name: name || "message",
			data: data.join("\\n")
		});
		name = "";
		data = [];
	}
	function take(line) {
		if (line === "") {
			dispatch();
			return;
		}
		const colon = line.indexOf(":");
		if (colon === 0) return;
		const field = colon === -1 ? line : line.slice(0, colon);
		const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
		if (field === "event") name = value;
		if (field === "data") data.push(value);
		if (field === "id" && !value.includes("\\0")) id = value;
	}
	return {
		push(piece) {
			rest += piece;
			const ready = rest.endsWith("\\r") ? rest.slice(0, -1) : rest;
			const lines = ready.split(/\\r\\n|\\r|\\n/);
			rest = (lines.pop() ?? "") + rest.slice(ready.length);
			for (const line of lines) take(line);
		},
		get lastEventId() {
			return id;
		}
	};
}
// src/server/admin/page/client/follow.ts
const SILENCE_MS = 45e3;
const FIRST_WAIT_MS = 1e3;
const LONGEST_WAIT_MS = 3e4;
function follow(options) {
	let wake = () => {};
	const run = async () => {
		let lastEventId;
		let tries = 0;
		while (!options.signal.aborted) {
			options.onConnection({ state: "connecting" });
			const reason = await readOnce(options, lastEventId, (id) => {
				lastEventId = id;
				tries = 0;
			});
			if (options.signal.aborted) return;
			const waitMs = pauseBefore(tries);
			tries += 1;
			options.onConnection({
				state: "waiting",
				until: Date.now() + waitMs,
				reason
			});
			const { promise, resolve } = Promise.withResolvers();
			wake = resolve;
			const timer = setTimeout(resolve, waitMs);
			options.signal.addEventListener("abort", wake, { once: true });
			await promise;
			clearTimeout(timer);
			options.signal.removeEventListener("abort", wake);
		}
	};
	return {
		ended: run(),
		wake: () => wake()
	};
}
function pauseBefore(tries, random = Math.random) {
	return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries) * (.75 + .25 * random());
}
async function readOnce({ connect, onEvent, onConnection, isFinal, signal }, lastEventId, onProgress) {
	const attempt = new AbortController();
	const stop = () => attempt.abort(signal.reason);
	signal.addEventListener("abort", stop, { once: true });
	let silence;
	const listen = () => {
		clearTimeout(silence);
		silence = setTimeout(() => attempt.abort(new Error("The server has gone silent.")), SILENCE_MS);
	};
	try {
		listen();
		const response = await connect(lastEventId, attempt.signal);
		onConnection({ state: "live" });
		const parser = createEventParser((event) => {
			onEvent(event);
			onProgress(parser.lastEventId);
		}, lastEventId);
		const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
		for (let read = await reader?.read(); read?.value !== void 0; read = await reader?.read()) {
			listen();
			parser.push(read.value);
		}
		return "The server has ended the connection.";
	} catch (error) {
		if (!signal.aborted && isFinal(error)) throw error;
		return messageOf(attempt.signal.aborted ? attempt.signal.reason : error);
	} finally {
		clearTimeout(silence);
		signal.removeEventListener("abort", stop);
		attempt.abort();
	}
}
function messageOf(error) {
	if (error instanceof TypeError) return "The server cannot be reached.";
	return error instanceof Error ? error.message : String(error);
}
// src/server/admin/page/client/log.ts
const KINDS = {
	collection: ({ collection }) => collection ?? "A collection",
	"claim-lost": ({ collection }) => \`\${collection ?? "A collection"}, taken over by another worker\`,
	source: ({ name }) => \`Source \${name ?? ""}\`,
	store: () => "Database"
};
function createLog() {
	const details = byId("log", HTMLDetailsElement);
	const list = byId("log-list", HTMLOListElement);
	let failures = [];
	let drawn;
	function fill() {
		if (!details.open || drawn === failures) return;
		drawn = failures;
		list.replaceChildren(...failures.toReversed().map(entryOf));
	}
	details.addEventListener("toggle", fill);
	return { draw(model) {
		failures = model.failures;
		setHidden(details, failures.length === 0);
		setText(byId("log-count", HTMLElement), count(failures.length));
		fill();
	} };
}
function entryOf(failure) {
	const { at, times, message, retry_at } = failure;
	const repeated = times > 1 ? \` (\${count(times)} times)\` : "";
	const next = retry_at === null ? "" : \`, again at \${timeOf(retry_at)}\`;
	return element("li", {}, element("p", { class: "when" }, \`\${timeOf(at)}\${repeated}\${next}\`), element("p", {}, element("bdi", { class: "subject" }, printable(KINDS[failure.kind](failure)))), element("p", { class: "reason" }, printable(message)));
}
// src/server/admin/page/client/overview.ts
function fractionOf({ total, completed, total_imported, expected_pairs }) {
	if (total === 0) return 0;
	if (completed === total) return 1;
	if (expected_pairs === null || expected_pairs <= 0) return completed / total;
	return Math.min(.999, total_imported / expected_pairs);
}
function stateOf({ running, outcome, pause, started_at }) {
	if (running) return pause ? {
		name: "Paused by the relay",
		tone: "paused"
	} : {
		name: "Running",
		tone: "running"
	};
	if (outcome === "complete") return {
		name: "Complete",
		tone: "complete"
	};
	if (outcome === "incomplete") return {
		name: "Incomplete",
		tone: "failed"
	};
	if (outcome === "failed") return {
		name: "Failed",
		tone: "failed"
	};
	return {
		name: outcome === "stopped" || started_at !== null ? "Stopped" : "Idle",
		tone: "idle"
	};
}
function drawOverview(model) {
	const { totals } = model;
	if (totals === void 0) return;
	const state = stateOf(totals);
	const fraction = fractionOf(totals);
	const chip = byId("state", HTMLElement);
	setText(chip, state.name);
	chip.dataset.tone = state.tone;
	setHidden(byId("from", HTMLElement), totals.source === null);
	setText(byId("source-shown", HTMLElement), printable(totals.source ?? ""));
	setText(byId("percent", HTMLElement), totals.total === 0 ? "–" : percent(fraction));
	setText(byId("done", HTMLElement), doneText(totals));
	setText(byId("pairs", HTMLElement), shortCount(totals.total_imported));
	setText(byId("pairs-of", HTMLElement), pairsNote(totals));
	drawRates(totals);
	drawTimes(totals);
	byId("bar-done", HTMLElement).style.transform = \`scaleX(\${fraction})\`;
	drawNotices(model);
}
function titleOf({ totals }) {
	if (totals === void 0) return "Collection backfill";
	return \`\${totals.running ? percent(fractionOf(totals)) : stateOf(totals).name} · Collection backfill\`;
}
function doneText({ total, completed, expected_pairs }) {
	if (total === 0) return "no collections yet";
	const collections = \`\${count(completed)} of \${plural(total, "collection")} complete\`;
	return expected_pairs === null || completed === total ? collections : \`of the pairs, \${collections}\`;
}
function pairsNote({ expected_pairs, total_imported }) {
	return expected_pairs !== null && expected_pairs > total_imported ? \`of about \${shortCount(expected_pairs)}\` : "imported";
}
function drawRates({ running, pairs_per_second, requests_per_second }) {
	setText(byId("pairs-per-second", HTMLElement), rate(running ? pairs_per_second : null));
	setText(byId("requests-per-second", HTMLElement), rate(running ? requests_per_second : null));
	for (const note of document.querySelectorAll(".rate-note")) setText(note, running ? "last ten seconds" : "while a run is under way");
}
function drawTimes({ running, eta_ms, at, started_at, finished_at }) {
	const left = byId("time-left", HTMLElement);
	const note = byId("time-note", HTMLElement);
	setText(byId("time-name", HTMLElement), running || started_at === null ? "Time left" : "Took");
	if (running) {
		setText(left, eta_ms === null ? "–" : duration(eta_ms));
		const end = eta_ms === null ? void 0 : new Date(Date.parse(at) + eta_ms).toISOString();
		const since = started_at === null ? "" : \`running for \${duration(Date.parse(at) - Date.parse(started_at))}\`;
		setText(note, end === void 0 ? since : \`until about \${timeOf(end).replace(/:\\d\\d$/, "")}\`);
	} else {
		const isOver = started_at !== null && finished_at !== null;
		setText(left, isOver ? duration(Date.parse(finished_at) - Date.parse(started_at)) : "–");
		setText(note, isOver ? \`ended at \${timeOf(finished_at)}\` : "");
	}
}
function drawNotices({ totals, failures }) {
	if (totals === void 0) return;
	const { running, pause, at, outcome, error } = totals;
	const left = pause && duration(Date.parse(pause.until) - Date.parse(at));
	notice("pause", pause && \`The relay asked everybody to wait for another \${left}\${why(pause.message)}\`);
	const store = running ? unavailable(failures, at) : void 0;
	notice("store-error", store && \`The database cannot be used at the moment; the run waits for it\${why(store.message)}\`);
	notice("run-error", outcome === "failed" && error ? \`The run ended with an error\${why(error.message)}\` : null);
}
function notice(id, text) {
	const place = byId(id, HTMLElement);
	setHidden(place, !text);
	if (text) setText(place, text);
}
function why(message) {
	return message ? \`: \${printable(message)}\` : "";
}
function unavailable(failures, at) {
	const last = failures.findLast(({ kind }) => kind === "store");
	return last?.retry_at && Date.parse(last.retry_at) >= Date.parse(at) ? last : void 0;
}
// src/server/admin/page/client/news.ts
function createNews(announcer) {
	let before;
	const failed = new Set();
	return { take(totals, row) {
		const now = totals && (totals.running ? "Running" : stateOf(totals).name);
		if (now !== before && totals && before !== void 0) announcer.say(\`\${now}: \${count(totals.completed)} of \${plural(totals.total, "collection")} complete.\`);
		before = now;
		if (row === void 0) return;
		if (row.state !== "failed") failed.delete(row.collection);
		else if (!failed.has(row.collection)) {
			failed.add(row.collection);
			announcer.say(\`\${printable(row.collection)} failed.\`);
		}
	} };
}
// src/server/admin/page/client/table.ts
const SPARE_ROWS = 8;
const LEAST_ROWS = 20;
function createTable(onRetry, onScroll) {
	const table = byId("table", HTMLTableElement);
	const body = byId("rows", HTMLTableSectionElement);
	const probe = byId("row-probe", HTMLElement);
	const views = new Map();
	let order = [];
	let positions = new Map();
	let rowHeight = probe.offsetHeight;
	addEventListener("scroll", onScroll, { passive: true });
	addEventListener("resize", onScroll, { passive: true });
	new ResizeObserver(() => {
		rowHeight = probe.offsetHeight;
		onScroll();
	}).observe(probe);
	function inSight() {
		const above = -body.getBoundingClientRect().top;
		const wanted = Math.floor(above / rowHeight) - SPARE_ROWS;
		const first = Math.max(0, Math.min(wanted, order.length - LEAST_ROWS));
		const end = Math.ceil((above + innerHeight) / rowHeight) + SPARE_ROWS;
		return [first, Math.min(order.length, Math.max(end, first + LEAST_ROWS))];
	}
	function leave(wanted) {
		for (const [key, { root }] of views) {
			if (wanted.has(key)) continue;
			if (positions.has(key) && root.contains(document.activeElement)) continue;
			root.remove();
			views.delete(key);
		}
	}
	function arrange(shown) {
		let next = body.firstElementChild;
		for (const root of shown) if (root === next) next = next.nextElementSibling;
		else body.insertBefore(root, next);
	}
	return {
		setOrder(keys) {
			order = keys;
			positions = new Map(keys.map((key, i) => [key, i]));
			setHidden(table, order.length === 0);
			setAttribute(table, "aria-rowcount", String(order.length + 1));
		},
		draw({ rows, totals }) {
			body.style.height = \`\${order.length * rowHeight}px\`;
			const [first, end] = inSight();
			const wanted = new Set(order.slice(first, end));
			leave(wanted);
			arrange([...wanted.union(new Set(views.keys()))].flatMap((key) => {
				const index = positions.get(key);
				const row = rows.get(key);
				if (index === void 0 || row === void 0) return [];
				const view = views.get(key) ?? createRowView(row, onRetry);
				views.set(key, view);
				view.show(row, index, totals?.source === null);
				view.root.style.top = \`\${index * rowHeight}px\`;
				return [{
					index,
					root: view.root
				}];
			}).sort((a, b) => a.index - b.index).map(({ root }) => root));
		},
		isHeld: () => body.querySelector("button:hover, button:focus") !== null
	};
}
// src/server/admin/page/client/timing.ts
function perFrame(draw) {
	let isAsked = false;
	return () => {
		if (isAsked) return;
		isAsked = true;
		requestAnimationFrame(() => {
			isAsked = false;
			draw();
		});
	};
}
function atMostEvery(ms, run) {
	let isWaiting = false;
	let isAsked = false;
	const again = () => {
		isWaiting = false;
		if (isAsked) start();
	};
	const start = () => {
		isAsked = false;
		isWaiting = true;
		setTimeout(again, ms);
		run();
	};
	return () => {
		if (isWaiting) isAsked = true;
		else start();
	};
}
// src/server/admin/page/client/token.ts
const KEY = "collection-backfill:token";
function createTokenKeeper(onToken) {
	const dialog = byId("token-dialog", HTMLDialogElement);
	const form = byId("token-form", HTMLFormElement);
	const field = byId("token", HTMLInputElement);
	const complaint = byId("token-error", HTMLElement);
	const reopen = byId("enter-token", HTMLButtonElement);
	const get = () => sessionStorage.getItem(KEY) ?? void 0;
	const ask = (reason = "") => {
		setText(complaint, reason);
		field.setAttribute("aria-invalid", String(reason !== ""));
		field.value = "";
		if (!dialog.open) dialog.showModal();
		field.focus();
	};
	form.addEventListener("submit", (event) => {
		event.preventDefault();
		const token = field.value.trim();
		if (!/^[\\x21-\\x7e]+$/.test(token)) return ask("This cannot be a token: it has other characters than a token has.");
		sessionStorage.setItem(KEY, token);
		field.value = "";
		dialog.close();
		onToken();
	});
	dialog.addEventListener("close", () => setHidden(reopen, get() !== void 0));
	reopen.addEventListener("click", () => ask());
	return {
		get,
		ask,
		forget: () => sessionStorage.removeItem(KEY)
	};
}
// src/server/admin/page/client/toolbar.ts
const LARGEST_FIRST = new Set([
	"imported",
	"expected",
	"progress"
]);
function createToolbar(onChange) {
	const filters = [...document.querySelectorAll("button[data-filter]")];
	const heads = [...document.querySelectorAll("button[data-sort]")];
	const search = byId("search", HTMLInputElement);
	let selection = {
		state: "all",
		search: "",
		by: "state",
		descending: false
	};
	function change(next) {
		selection = {
			...selection,
			...next
		};
		for (const button of filters) setAttribute(button, "aria-pressed", String(button.dataset.filter === selection.state));
		for (const button of heads) {
			const isSorted = button.dataset.sort === selection.by;
			const order = selection.descending ? "descending" : "ascending";
			const head = button.closest("th");
			if (head) setAttribute(head, "aria-sort", isSorted ? order : "none");
		}
		onChange();
	}
	for (const button of filters) button.addEventListener("click", () => change({ state: button.dataset.filter }));
	for (const button of heads) {
		const by = button.dataset.sort;
		button.addEventListener("click", () => {
			const descending = selection.by === by ? !selection.descending : LARGEST_FIRST.has(by);
			change({
				by,
				descending
			});
		});
	}
	search.addEventListener("input", () => change({ search: search.value }));
	return {
		get selection() {
			return selection;
		},
		filter: (state) => change({ state }),
		draw({ rows, counts }, shown) {
			for (const button of filters) {
				const state = button.dataset.filter;
				const number = button.querySelector("span");
				if (number) setText(number, count(state === "all" ? rows.size : counts[state]));
			}
			setText(byId("shown", HTMLElement), shown === 0 ? emptyText(rows.size) : "");
		}
	};
}
function emptyText(known) {
	return known === 0 ? "No collection is known yet. Start a backfill to discover them." : "No collection matches.";
}
// src/server/admin/page/client/main.ts
const SUMS_MS = 250;
const ORDER_MS = 1e3;
const TITLE_MS = 1e3;
const model = createModel();
const announcer = createAnnouncer(byId("announcements", HTMLElement));
const news = createNews(announcer);
const showConnection = createConnectionView(announcer);
const token = createTokenKeeper(watch);
const api = createApi(location.pathname, token.get);
const act = createAct((error) => {
	if (error instanceof RefusedError) lock(error.message);
	else controls.complain(error instanceof Error ? error.message : String(error));
});
const controls = createControls(api, act);
const drawRows = perFrame(() => table.draw(model));
const drawSums = atMostEvery(SUMS_MS, perFrame(() => {
	drawOverview(model);
	chart.draw(model.history, model.totals?.running ?? true);
	controls.draw(model);
	failures.draw(model);
	log.draw(model);
	toolbar.draw(model, shown);
}));
const drawTitle = atMostEvery(TITLE_MS, () => {
	document.title = titleOf(model);
});
const reorder = atMostEvery(ORDER_MS, () => table.isHeld() ? reorder() : order());
const table = createTable(retry, drawRows);
const chart = createChart();
const toolbar = createToolbar(order);
const log = createLog();
const failures = createFailures(retry, (button) => act(button, () => api.retry(failedSource())), () => {
	toolbar.filter("failed");
	byId("collections", HTMLElement).scrollIntoView();
});
let shown = 0;
let watching = new AbortController();
let wake = () => {};
function order() {
	const found = select(model.rows.values(), toolbar.selection);
	shown = found.length;
	table.setOrder(found.map(keyOf));
	drawRows();
	drawSums();
}
function take({ name, data }) {
	const { version } = model;
	const row = model.take(name, data);
	news.take(model.totals, row);
	drawSums();
	drawTitle();
	if (model.version === version) return;
	drawRows();
	if (name === "snapshot") order();
	else reorder();
}
function retry({ source, collection }, button) {
	controls.complain("");
	announcer.say(\`Retrying \${printable(collection)}.\`);
	act(button, () => api.retry(source, collection));
}
function failedSource() {
	const failed = [...model.rows.values()].find(({ state }) => state === "failed");
	return model.totals?.source ?? failed?.source;
}
function watch() {
	watching.abort();
	watching = new AbortController();
	const following = follow({
		connect: api.events,
		onEvent: take,
		onConnection: showConnection,
		isFinal: (error) => error instanceof RefusedError,
		signal: watching.signal
	});
	wake = following.wake;
	following.ended.catch((error) => lock(error instanceof Error ? error.message : String(error)));
}
function lock(reason) {
	watching.abort();
	token.forget();
	showConnection({ state: "locked" });
	token.ask(reason);
}
byId("reconnect", HTMLButtonElement).addEventListener("click", () => wake());
byId("forget", HTMLButtonElement).addEventListener("click", () => {
	token.forget();
	location.reload();
});
addEventListener("online", () => wake());
document.addEventListener("visibilitychange", () => {
	if (document.visibilityState === "visible") wake();
});
if (token.get() === void 0) lock();
else watch();
</script>
</body>
</html>
`

/** For the content security policy. */
export const STYLE_HASH: string = 'sha256-/PcYQxCGM/zPxLIaJAeGIGc/M5l3UYuSkYLmaSOTxos='
export const SCRIPT_HASH: string = 'sha256-uNwsXFfnCLaAYTsoRkBfSpMwYtM9WWXeh/dsrhI0vvU='
