// The address says what is shown, so that everything can be linked to.
function route() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/").map(decodeURIComponent);
  const parameters = new URLSearchParams(query || "");
  if (!page) return overview();
  if (page === "trends") return trends(parameters);
  if (page === "runs") return runs(parameters);
  if (page === "nights") return nights();
  if (page === "run" && rest.length === 1) return oneRun(rest[0]);
  if (page === "compare" && rest.length === 2) return compare(...rest);
  return missing(`There is no page ${path}.`);
}

function render() {
  if (location.hash === "#main") return;
  const main = document.getElementById("main");
  main.replaceChildren(...route().flat(Infinity).filter(Boolean));
  const title = main.querySelector("h1").textContent;
  document.title = `${title} · kubedrill`;
  const here = location.hash.replace(/^#\/?/, "").split(/[/?]/)[0];
  for (const each of document.querySelectorAll("nav a")) {
    const page = each.getAttribute("href").slice(2);
    if (page === here || (page === "runs" && ["run", "compare"].includes(here)))
      each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  document.getElementById("live").textContent = title;
  main.dataset.shown = location.hash;
}

document.getElementById("made").textContent = `made ${DATA.made}`;
window.addEventListener("hashchange", () => {
  render();
  if (location.hash !== "#main") {
    window.scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  }
});
render();
