// The operator's page. What a stranger may have written gets into it as text alone: by
// textContent, never as markup.
"use strict";

const $ = id => document.getElementById(id);

// el makes an element: a class, and children that are texts or elements.
function el(tag, kind, ...children) {
	const e = document.createElement(tag);
	if (kind) e.className = kind;
	e.append(...children.filter(c => c !== null && c !== undefined && c !== ""));
	return e;
}

// say changes a text only where it is another, so that a selection stays.
function say(e, text) {
	if (e.textContent !== text) e.textContent = text;
}

// ---- Numbers and times for people, with units.

const none = "–";
const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const short = new Intl.NumberFormat("en", {maximumSignificantDigits: 3});
const clock = new Intl.DateTimeFormat("en-GB", {year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short"});
const hand = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit"});
const exactly = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const zone = new Intl.DateTimeFormat("en-GB", {timeZoneName: "longOffset"});

const number = v => v === null || v === undefined ? none : (Math.abs(v) >= 100 ? whole : short).format(v);
const when = t => t ? clock.format(new Date(t)) : none;
const perMinute = v => number(v) + " / min";
const percent = v => v === null ? none : short.format(v * 100) + "\u00a0%";

function seconds(v) {
	if (v === null || v === undefined) return none;
	if (v < 1) return short.format(v * 1000) + "\u00a0ms";
	for (const [of, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
		if (v >= of) return short.format(v / of) + "\u00a0" + unit;
	}
	return short.format(v) + "\u00a0s";
}

function bytes(v) {
	for (const [of, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
		if (v >= of) return short.format(v / of) + "\u00a0" + unit;
	}
	return number(v) + "\u00a0B";
}

const ago = (t, now) => t ? seconds(Math.max(0, Math.round((now - Date.parse(t)) / 1000))) + " ago" : none;

function time(t) {
	const e = el("time", "time", when(t));
	e.dateTime = t;
	return e;
}

// ---- The status: the sentence, the figures and the tables.

let announced = "";
let told = null; // the last status
let refreshed = Date.now(); // the failures

function showStatus(s) {
	told = s;
	document.title = (s.level === "ok" ? "" : "! ") + (s.service.name || "Mail");
	say($("name"), [s.service.name || "Mail", s.service.version].filter(Boolean).join(" "));
	say($("when"), when(s.time) + ", up for " + seconds((Date.parse(s.time) - Date.parse(s.service.since)) / 1000));
	say($("sentence"), s.sentence);
	$("sentence").className = "level-" + s.level;
	if (announced !== s.state) { // a reader hears of what has become another, not of each number
		announced = s.state;
		say($("announcement"), s.sentence);
	}
	showFigures(s);
	showTables(s);
	if (Date.now() - listed > 4500) showSessions().catch(() => {});
	// Not below the hand of who is reading there.
	if (Date.now() - refreshed > 15000 && !$("failures").contains(document.activeElement)) showFailures().catch(() => {});
}

function showFigures(s) {
	const r = s.rates, l = Object.fromEntries(s.latency.map(one => [one.of, one]));
	const oldest = s.queue.oldest;
	const all = [
		["Messages in", perMinute(r.in)],
		["Messages out", perMinute(r.out)],
		["… into mailboxes", perMinute(r.out_local)],
		["… to other servers", perMinute(r.out_remote)],
		["Attempts put off", perMinute(r.deferred)],
		["Attempts failed for good", perMinute(r.failed)],
		["Bounces", perMinute(r.bounced)],
		["Refused, our fault", perMinute(r.refused_ours)],
		["Refused, theirs", perMinute(r.refused_theirs)],
		["Processing, p50 · p99", seconds(l.processing.p50_seconds) + " · " + seconds(l.processing.p99_seconds)],
		["Until delivered, p50 · p99", seconds(l.delivery.p50_seconds) + " · " + seconds(l.delivery.p99_seconds)],
		["In the queue", number(s.queue.messages) + (s.queue.messages === 1 ? " message" : " messages")],
		["Oldest waits", oldest ? seconds(oldest.seconds) + (oldest.domain ? " for " + oldest.domain : "") : none],
	];
	const list = $("figures");
	all.forEach(([name, value], i) => {
		if (!list.children[i]) list.append(el("div", "", el("dt"), el("dd")));
		say(list.children[i].children[0], name);
		say(list.children[i].children[1], value);
	});
}

const mark = level => text => el("span", "mark-" + level, text);
const ok = mark("ok"), warn = mark("warn"), bad = mark("bad");

// The tables: title, columns (those that begin with # are numbers), rows of a status, and
// what stands there without rows.
const tables = [
	["Queue", ["State", "#Messages", "#Size", "#Oldest"], s => s.queue.states.map(q =>
		[q.state, number(q.messages), bytes(q.bytes), q.oldest_seconds ? seconds(q.oldest_seconds) : none]), ""],
	["Sessions now, and logins of the last hour", ["Protocol", "#Open", "#Good logins", "#Bad logins"], s => s.sessions.map((one, i) =>
		[one.protocol.toUpperCase(), number(one.open), number(s.logins[i].good), number(s.logins[i].bad)]), ""],
	["Checks", ["Check", "State", "Since", "#Took", "Last run"], (s, now) => s.checks.map(c =>
		[c.name, (c.healthy ? ok : c.state === "starting" ? warn : bad)(c.state + (c.error ? ": " + c.error : "")), ago(c.since, now), c.last_run ? seconds(c.duration_seconds) : none, ago(c.last_run, now)]),
	"No check is registered."],
	["Certificates", ["Listener", "Valid until", "#Left"], s => s.certificates.map(c =>
		[c.listener, (c.days_left < 2 ? bad : c.days_left < 14 ? warn : ok)(when(c.not_after)), number(c.days_left) + " d"]),
	"No certificate is watched."],
	["Disks", ["Path", "Free space", "Free inodes"], s => s.disks.map(d =>
		[d.path, room(d.free_ratio), room(d.inode_free_ratio)]),
	"No disk is watched."],
	["Telemetry over OTLP", ["Signal", "#Sent", "#Waiting", "#Set aside", "#Dropped", "Last sent"], (s, now) => s.telemetry.filter(t => t.sent + t.waiting + t.dropped > 0).map(t =>
		[t.signal, number(t.sent), number(t.waiting), number(t.deferred), t.dropped ? bad(number(t.dropped)) : number(t.dropped), ago(t.last_sent, now)]), "Nothing has been pushed."],
];

const room = free => free === null ? none : (free < 0.03 ? bad : free < 0.1 ? warn : ok)(percent(free));

function showTables(s) {
	const now = Date.parse(s.time);
	tables.forEach(([title, columns, rowsOf, empty], i) => {
		let section = $("tables").children[i];
		if (!section) {
			section = table(title, columns, "table-" + i);
			section.append(el("p", "quiet"));
			$("tables").append(section);
		}
		const rows = rowsOf(s, now);
		section.querySelector(".scroll").hidden = rows.length === 0;
		say(section.querySelector("p"), rows.length ? "" : empty);
		fill(section.querySelector("tbody"), rows, columns);
	});
}

function table(title, columns, id) {
	const heading = el("h2", "", title);
	heading.id = id;
	const head = el("tr", "", ...columns.map(c => {
		const th = el("th", c[0] === "#" ? "number" : "", c.replace("#", ""));
		th.scope = "col";
		return th;
	}));
	const scroll = el("div", "scroll", el("table", "", el("thead", "", head), el("tbody")));
	scroll.tabIndex = 0; // on a phone it is wider than the window
	scroll.setAttribute("role", "group");
	scroll.setAttribute("aria-labelledby", id);
	const section = el("section", "", heading, scroll);
	section.setAttribute("aria-labelledby", id);
	return section;
}

// fill changes the cells that are others now, and no more.
function fill(body, rows, columns) {
	while (body.children.length > rows.length) body.lastChild.remove();
	rows.forEach((cells, i) => {
		const row = body.children[i] || body.appendChild(el("tr"));
		cells.forEach((cell, j) => {
			const now = el(j === 0 ? "th" : "td", columns[j][0] === "#" ? "number" : "", cell);
			if (j === 0) now.scope = "row";
			const was = row.children[j];
			if (!was) row.append(now);
			else if (!was.isEqualNode(now)) was.replaceWith(now);
		});
	});
}

// ---- The plots.

const plots = [
	{title: "Messages a minute", unit: number, lines: [["in", "in", "--a"], ["out", "out", "--b"], ["refused_theirs", "refused, theirs", "--c"], ["refused_ours", "refused, ours", "--d"]]},
	{title: "Until delivered", unit: seconds, lines: [["delivery_p50", "p50", "--a"], ["delivery_p99", "p99", "--c"]]},
	{title: "Processing", unit: seconds, lines: [["processing_p50", "p50", "--a"], ["processing_p99", "p99", "--c"]]},
	{title: "In the queue", unit: number, lines: [["queue", "messages", "--a"]]},
	{title: "Attempts a minute that did not deliver", unit: number, lines: [["deferred", "put off", "--c"], ["failed", "failed for good", "--d"], ["bounced", "bounces", "--a"]]},
	{title: "Open sessions", unit: number, lines: [["sessions_smtp", "SMTP", "--a"], ["sessions_imap", "IMAP", "--b"], ["sessions_jmap", "JMAP", "--c"], ["sessions_pop3", "POP3", "--d"]]},
];
const height = 180;
let range = "hour";
let past = null; // columns, as /api/v1/history has them
let loaded = 0; // when that was

function draw() {
	const style = getComputedStyle(document.documentElement), color = name => style.getPropertyValue(name).trim();
	plots.forEach((p, i) => {
		let place = $("plots").children[i];
		if (!place) {
			place = el("div", "", el("h3", "", p.title), el("div", "plot"));
			$("plots").append(place);
		}
		if (p.chart) p.chart.destroy();
		const axis = {stroke: color("--quiet"), grid: {stroke: color("--grid"), width: 1}, ticks: {stroke: color("--grid"), width: 1}, font: "12px system-ui"};
		p.chart = new uPlot({
			width: place.clientWidth, height, padding: [8, 24, 0, 0],
			cursor: {sync: {key: "time"}, points: {size: 6}},
			scales: {y: {range: (_, low, high) => [Math.min(0, low || 0), (high || 1) * 1.05]}},
			axes: [{...axis, space: 80, values: (_, all, __, ___, step) => all.map(t => (step < 60 ? exactly : hand).format(t * 1000))}, {...axis, size: 64, values: (_, all) => all.map(p.unit)}],
			legend: {markers: {width: 2}},
			series: [{label: "Time", value: (_, t) => t === null ? none : clock.format(t * 1000)},
				...p.lines.map(([, label, c]) => ({label, stroke: color(c), width: 1.5, spanGaps: false, points: {show: false}, value: (_, v) => p.unit(v)}))],
		}, columnsOf(p), place.lastChild);
	});
	latest();
}

const columnsOf = p => [past.time, ...p.lines.map(([name]) => past[name])];

function redraw() {
	plots.forEach(p => p.chart && p.chart.setData(columnsOf(p)));
	latest();
}

// latest has the legend show the last values while nobody points at others, and says them in
// words.
function latest() {
	if (!plots[0].chart) return;
	const pointed = document.querySelector(".u-over:hover");
	plots.forEach((p, i) => {
		p.chart.setLegend({idx: pointed && p.chart.cursor.idx !== null ? p.chart.cursor.idx : past.time.length - 1});
		const canvas = $("plots").children[i].querySelector("canvas");
		canvas.setAttribute("role", "img");
		canvas.setAttribute("aria-label", p.title + ": " + p.lines.map(([name, label]) => label + " " + p.unit(past[name].at(-1))).join(", "));
	});
}

async function load(which) {
	range = which;
	for (const id of ["hour", "day"]) $(id).setAttribute("aria-pressed", String(id === which));
	const answer = await fetch("api/v1/history?range=" + which);
	if (!answer.ok || range !== which) return;
	past = await answer.json();
	loaded = Date.now();
	draw();
}

// addSample adds what came by the stream, as the server does to its own.
function addSample(sample) {
	if (!past) return;
	const last = past.time.at(-1) || 0, now = sample.time[0];
	const steps = Math.floor(now / past.step) - Math.floor(last / past.step);
	if (steps < 0) load(range).catch(() => {}); // the server's clock was set back, and it has left out what comes again
	if (steps <= 0) return;
	const most = range === "hour" ? 3600 : 1440;
	for (const name of Object.keys(past)) {
		if (name === "step") continue;
		past[name].push(sample[name][0]);
		if (past[name].length > most) past[name].shift();
	}
	redraw();
}

// ---- The stream. A page that nobody sees asks for nothing.

let stream = null;

function listen() {
	if (stream) stream.close();
	stream = null;
	if (document.hidden) return;
	stream = new EventSource("api/v1/stream");
	stream.addEventListener("status", e => showStatus(JSON.parse(e.data)));
	stream.addEventListener("sample", e => addSample(JSON.parse(e.data)));
	stream.onopen = () => load(range).catch(() => {});
	const here = stream;
	stream.onerror = async () => {
		if (here !== stream) return;
		// A browser does not come again after an answer such as 503.
		if (here.readyState === EventSource.CLOSED) {
			setTimeout(() => here === stream && listen(), 5000);
			if (await renew() || here !== stream) return;
		}
		const text = "The server does not answer" + (told ? "; what is below is of " + when(told.time) : "") + ".";
		say($("sentence"), text);
		$("sentence").className = "level-lost";
		if (announced !== "lost contact") say($("announcement"), text);
		announced = "lost contact";
	};
}

// renew shows what is now where there is no stream, because too many look on.
async function renew() {
	try {
		const answer = await fetch("api/v1/status");
		if (!answer.ok) return false;
		showStatus(await answer.json());
	} catch {
		return false;
	}
	say($("when"), $("when").textContent + "; many look on: this is renewed every 5 seconds");
	if (Date.now() - loaded > 60000) load(range).catch(() => {});
	return true;
}

// ---- What has happened to a message.

let traceLink = "";

function trace(id) {
	if (!id) return none;
	if (!traceLink) return el("code", "", id);
	const a = el("a", "", id);
	a.href = traceLink.replaceAll("{trace_id}", encodeURIComponent(id));
	a.rel = "noreferrer";
	return a;
}

// ask sends what was typed in the body: an address does not belong into a URL.
async function ask(query) {
	let answer;
	for (let tries = 0; tries === 0 || answer.status === 429 && tries < 10; tries++) { // others search, too
		if (tries) await new Promise(again => setTimeout(again, 1000));
		answer = await fetch("api/v1/messages", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({query})});
	}
	const result = await answer.json().catch(() => ({error: "status " + answer.status}));
	if (!answer.ok) throw new Error(result.error || "status " + answer.status);
	return result;
}

let searches = 0;

async function search(query) {
	const mine = ++searches; // an answer that is late must not take the place of a later one
	$("query").value = query;
	$("found").replaceChildren(el("p", "quiet", "Searching …"));
	try {
		const r = await ask(query);
		if (mine !== searches) return;
		showReach(r.reach);
		const count = r.messages.length + (r.messages.length === 1 ? " message" : " messages") + (r.events.length ? " and " + r.events.length + " other events" : "");
		$("found").replaceChildren(
			el("p", "", r.messages.length + r.events.length === 0 ? "Nothing was found." : "Found: " + count + (r.more ? ", and there are older ones" : "") + "."),
			el("p", "quiet", r.note),
			...r.messages.map(life),
			...(r.events.length ? [el("article", "", el("h3", "", "Of no message"), el("ol", "steps", ...r.events.map(s => step(s))))] : []));
	} catch (e) {
		$("found").replaceChildren(el("p", "", "The search has failed: " + e.message + "."));
	}
}

function showReach(r) {
	say($("reach"), (r.from ? number(r.events) + " events are kept, back to " + when(r.from) : "No message has been seen yet") +
		(r.on_disk ? ", on disk" : ", in memory") + (r.dropped ? "; " + number(r.dropped) + " are missing: the disk did not take them" : "") +
		(r.failing ? " (" + r.failing + ")" : "") + ". What you type is stored nowhere.");
}

const levels = {accepted: "ok", queued: "ok", delivered: "ok", attempt: "warn", trying: "warn", deferred: "warn", dropped: "warn", failed: "bad", bounced: "bad", expired: "bad", rejected: "bad", login_failed: "bad"};

const party = p => p ? p.address || [p.hash, p.domain].filter(Boolean).join(" at ") : "";
const reply = s => [s.code, s.enhanced, s.reply].filter(Boolean).join(" ") || s.error_type || "";

// other is a button that searches for another message.
function other(id) {
	const b = el("button", "link", id);
	b.type = "button";
	b.onclick = () => { search(id); $("search").scrollIntoView(); };
	return b;
}

// life is what has happened to one message: in a sentence, on a line with its waits to
// scale, and step by step.
function life(m) {
	const pairs = [["From", party(m.from)], ["To", party(m.to)], ["Size", m.size ? bytes(m.size) : ""], ["Message id", m.message_id], ["Direction", m.direction]].filter(([, v]) => v);
	const facts = pairs.map(([k, v]) => k + ": " + v).join(" · ");
	return el("article", "",
		el("h3", "mark-" + (levels[m.state] || "warn"), (m.queue_id || "a message") + ": " + m.state),
		el("p", "", m.text),
		el("p", "quiet", facts, facts && m.trace_id ? " · " : "", ...(m.trace_id ? ["Trace: ", trace(m.trace_id)] : [])),
		m.partial ? el("p", "quiet", "Its beginning is not kept any more.") : null,
		m.bounce ? el("p", "quiet", "Its sender was told by ", other(m.bounce)) : null,
		m.bounce_of ? el("p", "quiet", "It is the bounce of ", other(m.bounce_of)) : null,
		bar(m.steps),
		el("ol", "steps", ...m.steps.map(s => step(s, m.trace_id))));
}

// bar draws the steps with the time between them to scale; the list says the same in words.
function bar(steps) {
	const line = el("div", "bar");
	line.setAttribute("aria-hidden", "true");
	steps.forEach((s, i) => {
		if (i > 0) {
			const wait = el("span");
			wait.style.flexGrow = Math.max(0, Date.parse(s.time) - Date.parse(steps[i - 1].time)) / 1000;
			line.append(wait);
		}
		const dot = el("i", "level-" + (levels[s.event] || "warn"));
		dot.title = s.event + ", " + when(s.time);
		line.append(dot);
	});
	return line;
}

// step is one of them; the trace is said where it is another than the message's.
function step(s, known) {
	const details = [["Host", [s.host, s.peer].filter(Boolean).join(" ")], ["TLS", s.tls], ["Reply", reply(s)], ["Reason", s.reason], ["Fault", s.fault],
		["Client", s.client], ["User", s.user], ["Took", s.took_seconds ? seconds(s.took_seconds) : ""]].filter(([, v]) => v);
	const line = el("span", "quiet", details.map(([k, v]) => k + ": " + v).join(" · "));
	if (s.trace_id && s.trace_id !== known) line.append(details.length ? " · Trace: " : "Trace: ", trace(s.trace_id));
	return el("li", "level-" + (levels[s.event] || "warn"), time(s.time), s.waited_seconds ? " after " + seconds(s.waited_seconds) : "", ": ", el("strong", "", s.text || s.event), el("br"), line);
}

// ---- The open sessions.

const sessionColumns = ["", "#", "", "", "#", "", ""];
const mostSessions = 100;
let listed = 0; // when they were

async function showSessions() {
	listed = Date.now();
	const of = $("sessions-of").value;
	const answer = await fetch("api/v1/sessions?limit=" + mostSessions + (of ? "&protocol=" + of : ""));
	if (!answer.ok || of !== $("sessions-of").value) return;
	const r = await answer.json();
	const since = t => t ? seconds(Math.max(0, (Date.parse(r.time) - Date.parse(t)) / 1000)) : none;
	say($("sessions-note"), r.sessions.length === 0 ? "Nobody is connected." : r.sessions.length < mostSessions ? "" : "The " + mostSessions + " that are open for longest.");
	fill($("sessions"), r.sessions.map(s => [s.protocol.toUpperCase(), since(s.since), s.tls || none, s.command || none, since(s.command_since), s.client || none, s.user || none]), sessionColumns);
}

// ---- The failures.

const choices = {
	event: ["rejected", "deferred", "failed", "bounced", "expired", "login_failed"],
	protocol: ["smtp", "lmtp", "imap", "pop3", "jmap", "local"],
	stage: ["connect", "helo", "mail", "rcpt", "data"],
	reason: ["unknown_user", "address", "mailbox", "mailbox_full", "too_large", "content", "policy", "auth_required", "authentication", "protocol", "network", "tls", "dns", "timeout", "system", "other"],
	fault: ["ours", "theirs"],
};
const failureColumns = Array(10).fill("");

async function showFailures() {
	refreshed = Date.now();
	const wanted = new URLSearchParams([...new FormData($("filter"))].filter(([, v]) => v.trim()));
	const url = "api/v1/failures" + (wanted.size ? "?" + wanted : "");
	$("export").href = url;
	const answer = await fetch(url);
	const r = await answer.json().catch(() => ({error: "status " + answer.status}));
	if (!answer.ok) {
		say($("failures-note"), "They cannot be shown: " + r.error + ".");
		return;
	}
	showReach(r.reach);
	say($("failures-note"), r.failures.length === 0 ? "There are none." : number(r.failures.length) + (r.failures.length === 1 ? " failure" : " failures, the newest first") + (r.failures.length === 500 ? "; there may be more" : "") + ".");
	fill($("failures"), r.failures.map(s => [
		time(s.time), el("span", "mark-" + (levels[s.event] || "warn"), s.event.replaceAll("_", " ")), s.text, s.queue_id ? other(s.queue_id) : none,
		s.domain || s.to?.domain || s.from?.domain || none, s.reason || none, s.fault || none, s.protocol || none, s.stage || none,
		trace(s.trace_id)]), failureColumns);
}

// ---- The beginning.

async function begin() {
	say($("zone"), "Times are in " + zone.formatToParts(new Date()).find(p => p.type === "timeZoneName").value + ".");
	$("hour").onclick = () => load("hour");
	$("day").onclick = () => load("day");
	$("search").onsubmit = e => { e.preventDefault(); search($("query").value); };
	$("filter").onsubmit = e => { e.preventDefault(); showFailures(); };
	$("sessions-of").onchange = () => showSessions().catch(() => {});
	for (const [name, values] of Object.entries(choices)) {
		const select = $("filter").elements[name];
		select.append(new Option("any", ""), ...values.map(v => new Option(v.replaceAll("_", " "), v)));
		select.onchange = showFailures;
	}
	document.addEventListener("visibilitychange", listen);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => past && draw());
	new ResizeObserver(() => {
		plots.forEach((p, i) => p.chart && p.chart.setSize({width: $("plots").children[i].clientWidth, height}));
		if (past) requestAnimationFrame(latest); // a plot forgets them when its size changes
	}).observe($("plots"));
	listen();
	const page = await (await fetch("api/v1/page")).json();
	traceLink = page.trace_link || "";
	for (const path of page.links || []) {
		const a = el("a", "", path);
		a.href = path;
		$("links").append(a);
	}
	await showFailures();
}

begin();
