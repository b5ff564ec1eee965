// Choosing and sorting the kernels of all layers, and opening what a link points to.
"use strict";
(() => {
  const form = document.querySelector("form.controls");
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  if (!form) return;
  const lists = [...document.querySelectorAll("details.layer ul.kernels")].map((list) => {
    const items = [...list.children];
    return { list, items, largest: Math.max(...items.map((item) => +item.dataset.norm), 1e-30) };
  });
  const number = (item, key) => (item.dataset[key] === "" ? Infinity : +item.dataset[key]);
  const orders = {
    n: (a, b) => a.dataset.n - b.dataset.n,
    family: (a, b) => a.dataset.family.localeCompare(b.dataset.family) || number(a, "angle") - number(b, "angle"),
    angle: (a, b) => number(a, "angle") - number(b, "angle") || a.dataset.n - b.dataset.n,
    norm: (a, b) => b.dataset.norm - a.dataset.norm,
    peak: (a, b) => a.dataset.peak - b.dataset.peak,
    sure: (a, b) => b.dataset.sure - a.dataset.sure,
  };
  const apply = () => {
    const { family, angle, norm, order } = form.elements;
    form.elements.share.value = `${norm.value} %`;
    let shown = 0, all = 0, layers = 0;
    for (const { list, items, largest } of lists) {
      const before = shown;
      items.sort(orders[order.value]);
      for (const item of items) {
        const apart = angle.value === "" ? 0 : Math.abs(number(item, "angle") - angle.value) % 180;
        const fits = (family.value === "" || item.dataset.family === family.value) &&
          (angle.value === "" || Math.min(apart, 180 - apart) <= 15) &&
          item.dataset.norm >= largest * norm.value / 100;
        item.hidden = !fits;
        shown += fits;
        all += 1;
      }
      list.append(...items);
      layers += shown > before;
      const layer = list.closest("details.layer");
      if (family.value || angle.value || +norm.value) layer.dataset.shown = `${shown - before} chosen`;
      else delete layer.dataset.shown;
    }
    form.querySelector("[role=status]").textContent =
      `${shown.toLocaleString("en")} of ${all.toLocaleString("en")} kernels shown, in ${layers} of ${lists.length} layers.`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
})();
