// Gives the first ten elements whose own text has a contrast below 4.5 to the ground behind it.
(() => {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const alpha = (colour) => colour[3] ?? 1;
  const luminance = (colour) => {
    const linear = colour.slice(0, 3).map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    const layers = [];
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (alpha(colour) > 0) layers.push(colour);
      if (alpha(colour) === 1) break;
    }
    let base = layers.pop() ?? [255, 255, 255];
    while (layers.length) {
      const top = layers.pop();
      base = base.slice(0, 3).map((v, i) => top[i] * alpha(top) + v * (1 - alpha(top)));
    }
    return base;
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const ink = luminance(parse(element.closest("svg") ? style.fill : style.color));
    const paper = luminance(ground(element));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio < 4.5) poor.push(`${element.tagName} ${element.className} "${element.textContent.slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return poor.slice(0, 10);
})();
