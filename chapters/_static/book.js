// What pages do beyond showing: filter and sort the report, show all code or fold it, and let the keyboard reach what scrolls.
(function () {
  "use strict";

  const ORDER = ["reproduced", "partly", "not reproduced", "undecided", "not run"];

  // The number that a text begins with, behind a sign of comparison perhaps; a name that holds digits is no number.
  function number(text) {
    const match = text.trim().replace(/−/g, "-").match(/^[≥≤<>]?\s*(-?\d+(\.\d+)?(e[-+]?\d+)?)/i);
    return match ? parseFloat(match[1]) : NaN;
  }

  function outcome(cell) {
    const badge = cell && cell.querySelector(".verdict");
    return badge ? badge.textContent.replace(/^\S+\s+/, "").trim() : "";
  }

  // Verdicts sort by how well they ended, numbers by size, the rest by letters; what is missing comes last.
  function compare(a, b) {
    const rank = [ORDER.indexOf(outcome(a)), ORDER.indexOf(outcome(b))];
    if (rank[0] >= 0 || rank[1] >= 0) return (rank[0] < 0 ? 9 : rank[0]) - (rank[1] < 0 ? 9 : rank[1]);
    const texts = [a.textContent.trim(), b.textContent.trim()];
    const numbers = texts.map(number);
    if (!isNaN(numbers[0]) && !isNaN(numbers[1])) return numbers[0] - numbers[1];
    if (isNaN(numbers[0]) !== isNaN(numbers[1])) return isNaN(numbers[0]) ? 1 : -1;
    return texts[0].localeCompare(texts[1]);
  }

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  }

  function select(label, values) {
    const options = [element("option", { value: "" }, "all"), ...values.map((v) => element("option", { value: v }, v))];
    const made = element("select", {}, ...options);
    return [element("label", {}, label, made), made];
  }

  function report(block) {
    const table = block.querySelector("table");
    const body = table && table.tBodies[0];
    if (!body) return;
    const rows = [...body.rows];
    const id = (row) => row.querySelector(".claim-id");
    const link = (row) => { const a = id(row).querySelector("a"); return a ? a.getAttribute("href").replace(/\.html.*$/, "") : (id(row).textContent.match(/\(([^)]*)\)/) || ["", ""])[1]; };
    const facts = rows.map((row) => ({ row, kind: row.cells[1].textContent.trim(), verdict: outcome(row.cells[2]), chapter: link(row), text: row.textContent.toLowerCase() }));
    const present = (key) => [...new Set(facts.map((fact) => fact[key]))];
    const [verdictLabel, verdict] = select("Verdict", ORDER.filter((name) => present("verdict").includes(name)));
    const [chapterLabel, chapter] = select("Chapter", present("chapter"));
    const [kindLabel, kind] = select("Kind", present("kind"));
    const search = element("input", { type: "search" });
    const says = element("span", { role: "status" });
    block.prepend(element("div", { class: "report-controls" }, kindLabel, verdictLabel, chapterLabel, element("label", {}, "Contains", search), says));

    function filter() {
      const wanted = search.value.trim().toLowerCase();
      let shown = 0;
      facts.forEach((fact) => {
        const fits = (!kind.value || fact.kind === kind.value) && (!verdict.value || fact.verdict === verdict.value) && (!chapter.value || fact.chapter === chapter.value) && fact.text.includes(wanted);
        fact.row.hidden = !fits;
        shown += fits;
      });
      says.textContent = `${shown} of ${facts.length} claims`;
    }
    [kind, verdict, chapter].forEach((control) => control.addEventListener("change", filter));
    search.addEventListener("input", filter);

    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = element("button", { type: "button" }, ...head.childNodes);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        [...table.tHead.rows[0].cells].forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const sorted = [...rows].sort((a, b) => compare(a.cells[column], b.cells[column]));
        body.append(...(down ? sorted.reverse() : sorted));
      });
    });

    const asked = new URLSearchParams(location.search);
    verdict.value = (asked.get("verdict") || "").replace(/-/g, " ");
    if (verdict.selectedIndex < 0) verdict.value = "";
    kind.value = asked.get("kind") || "";
    if (kind.selectedIndex < 0) kind.value = "";
    chapter.value = asked.get("chapter") || "";
    if (chapter.selectedIndex < 0) chapter.value = "";
    filter();
  }

  const WIDE = { ".math": "wide formula", ".picture": "wide figure", ".pst-scrollable-table-container": "wide table" };

  function reachable() {
    document.querySelectorAll(`${Object.keys(WIDE)}, pre, mjx-container[display='true']`).forEach((box) => {
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        if (!box.matches("pre, mjx-container") && !box.hasAttribute("role")) {
          box.setAttribute("role", "region");
          box.setAttribute("aria-label", Object.entries(WIDE).find(([kind]) => box.matches(kind))[1]);
        }
      }
    });
  }

  // A box around each drawing, in which it scrolls where the screen is too narrow for its letters.
  function pictures() {
    document.querySelectorAll(".bd-article .cell_output img[src$='.svg'], .bd-article .published img[src$='.svg']").forEach((image) => {
      const box = element("div", { class: "picture" });
      image.replaceWith(box);
      box.append(image);
    });
  }

  // One switch for the code of every chapter, remembered where the browser lets us; single cells open on their own.
  function codeSwitch() {
    const folded = [...document.querySelectorAll(".bd-article div.cell details.hide.above-input")];
    const masthead = document.querySelector(".masthead");
    if (!folded.length || !masthead) return;
    const KEY = "descent-show-code";
    const button = element("button", { type: "button", class: "show-code" }, "Show all code");
    function set(shown) {
      button.setAttribute("aria-pressed", String(shown));
      folded.forEach((details) => { details.open = shown; });
    }
    let shown = false;
    try { shown = localStorage.getItem(KEY) === "yes"; } catch (error) { /* storage is off: folded then */ }
    set(shown);
    button.addEventListener("click", () => {
      shown = !shown;
      set(shown);
      try { localStorage.setItem(KEY, shown ? "yes" : "no"); } catch (error) { /* not remembered then */ }
    });
    folded.forEach((details) => details.addEventListener("toggle", reachable));
    masthead.append(button);
  }

  function start() {
    document.querySelectorAll(".report-table").forEach(report);
    codeSwitch();
    pictures();
    reachable();
    addEventListener("load", reachable);
    addEventListener("resize", reachable);
    if (window.MathJax && MathJax.startup && MathJax.startup.promise) MathJax.startup.promise.then(() => document.fonts.ready).then(reachable);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
