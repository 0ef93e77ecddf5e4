// Frank-Wolfe with one sample a step on |x|_1 <= 1 in the plane: three estimates of the gradient of |x - w|^2 / 2.
(function (root) {
  "use strict";

  // Mulberry32 and Box-Muller: the same samples on every visit.
  function normals(count, seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    return Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
  }

  // The vertex of the ball that goes furthest against d; of two entries of equal size the first decides.
  function vertex(d) {
    const k = Math.abs(d[0]) >= Math.abs(d[1]) ? 0 : 1;
    const v = [0, 0];
    v[k] = -Math.sign(d[k]);
    return v;
  }

  // The nearest point of the ball: shrink both entries alike, cut at zero.
  function project([x, y]) {
    const size = [Math.abs(x), Math.abs(y)];
    if (size[0] + size[1] <= 1) return [x, y];
    const both = (size[0] + size[1] - 1) / 2;
    const shift = both <= Math.min(...size) ? both : Math.max(...size) - 1;
    return [Math.sign(x) * Math.max(size[0] - shift, 0), Math.sign(y) * Math.max(size[1] - shift, 0)];
  }

  // Sample (a, e) shows a (a'(x - w) - sigma e), the gradient of its squared residual.
  const gradient = (x, w, [a0, a1, e], sigma) => {
    const r = a0 * (x[0] - w[0]) + a1 * (x[1] - w[1]) - sigma * e;
    return [a0 * r, a1 * r];
  };

  const RULES = ["1-SFW", "momentum", "raw"];

  // Returns the iterates x_1, x_2, ..., the estimates d_t and the vertices v_t, one estimate and vertex for each step.
  function run(rule, w, sigma, rows) {
    let x = [0, 0];
    let previous = [0, 0];
    let d = [0, 0];
    const points = [x];
    const estimates = [];
    const vertices = [];
    rows.forEach((row, k) => {
      const t = k + 1;
      const g = gradient(x, w, row, sigma);
      if (rule === "raw") d = g;
      else if (rule === "momentum") {
        const rho = Math.min(1, 4 / (t + 8) ** (2 / 3));
        d = d.map((old, i) => (1 - rho) * old + rho * g[i]);
      } else {
        const before = gradient(previous, w, row, sigma);
        d = d.map((old, i) => (1 - 1 / t) * (old + g[i] - before[i]) + g[i] / t);
      }
      const v = vertex(d);
      previous = x;
      x = x.map((value, i) => value + (v[i] - value) / t);
      points.push(x);
      estimates.push(d);
      vertices.push(v);
    });
    return { points, estimates, vertices };
  }

  root.descentFrankWolfe = { normals, vertex, project, gradient, run, RULES };
  if (!root.document || !root.descentLive) return;

  const { Panel, register, assemble } = root.descentLive;
  const STEPS = 400;
  const draws = normals(3 * STEPS, 5);
  const rows = Array.from({ length: STEPS }, (_, k) => draws.slice(3 * k, 3 * k + 3));

  register("frank-wolfe", (stage) => {
    const square = new Panel("Iterates in the polygon", "", {
      x: [-1.3, 1.3], y: [-1.3, 1.3], xLabel: "x₁", yLabel: "x₂", square: true,
      xTicks: [[-1, "−1"], [0, "0"], [1, "1"]], yTicks: [[-1, "−1"], [0, "0"], [1, "1"]],
    });
    const decay = new Panel("Squared error of the estimate", "", {
      x: [0, Math.log10(STEPS)], y: [-4, 2], xLabel: "step", yLabel: "squared error", square: true,
      xTicks: [[0, "1"], [1, "10"], [2, "100"]], yTicks: [[-4, "10⁻⁴"], [-2, "0.01"], [0, "1"], [2, "100"]],
    });

    assemble(
      stage,
      {
        rule: { label: "Rule drawn on the left", options: RULES, start: "1-SFW" },
        step: { label: "Step", min: 0, max: Math.log10(STEPS), step: 0.01, start: 1, value: (x) => Math.round(10 ** x), show: String },
        sigma: { label: "Noise of the labels σ", min: 0, max: 3, step: 0.1, start: 1 },
        size: { label: "Size of the minimum |w|₁", min: 0, max: 2, step: 0.05, start: 0.55 },
      },
      [square, decay],
      ({ rule, step, sigma, size }) => {
        const w = [(size * 5) / 11, (size * 6) / 11];
        const best = project(w);
        const { points, vertices } = run(rule, w, sigma, rows);
        square.clear(`A square on its corner and ${step} steps of ${rule}.`);
        square.line("grid", [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 0]]);
        const shown = points.slice(0, step + 1);
        square.line("a", shown);
        shown.forEach(([x, y]) => square.dot("dot-a", x, y, 2));
        square.line("b", [points[step - 1], vertices[step - 1]]);
        square.dot("dot-b", ...vertices[step - 1], 4);
        square.text("b-text", vertices[step - 1][0] * 1.05, vertices[step - 1][1] * 1.12, "v", "middle");
        square.text("", best[0], best[1] + 0.04, "×", "middle");
        decay.clear(`Squared error against steps for ${RULES.join(", ")}, logarithmic.`);
        const kinds = { "1-SFW": "a", momentum: "b", raw: "grid" };
        RULES.forEach((name, row) => {
          const made = run(name, w, sigma, rows);
          // the mean of the last few errors, so that three wild lines can be told apart
          const errors = made.estimates.map((d, k) => (d[0] - made.points[k][0] + w[0]) ** 2 + (d[1] - made.points[k][1] + w[1]) ** 2);
          const window = (k) => errors.slice(Math.floor(k / 2), k + 1);
          const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
          decay.line(kinds[name], errors.map((_, k) => [Math.log10(k + 1), Math.log10(mean(window(k)) + 1e-300)]));
          const last = mean(window(STEPS - 1));
          decay.text(kinds[name] === "grid" ? "" : `${kinds[name]}-text`, Math.log10(STEPS), Math.log10(last + 1e-300) + 0.12, name, "end");
        });
        const x = points[step];
        const loss = (p) => ((p[0] - w[0]) ** 2 + (p[1] - w[1]) ** 2) / 2;
        return `After ${step} steps ${rule} is ${(loss(x) - loss(best)).toPrecision(2)} above the minimum on the square. ` +
          `It stepped towards (${vertices[step - 1].join(", ")}) by 1/${step}.`;
      },
    );
  });
})(globalThis);
