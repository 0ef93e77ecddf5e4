// A two-layer ReLU network trained on cos k theta, and the closed form that it tends to as it grows wide.
(function (root) {
  "use strict";

  const POINTS = 64;
  const ETA = 4;
  const grid = Array.from({ length: POINTS }, (_, i) => (2 * Math.PI * i) / POINTS);

  const kappa = (t) => (t * (Math.PI - Math.acos(Math.max(-1, Math.min(1, t))))) / (2 * Math.PI);
  const inputs = (theta, bias) =>
    bias ? [Math.cos(theta) / Math.SQRT2, Math.sin(theta) / Math.SQRT2, 1 / Math.SQRT2] : [Math.cos(theta), Math.sin(theta)];

  // Eigenvalue of H / n on the grid: H is circulant, so it is one sum over its first row.
  const eigenvalue = (k, bias) =>
    grid.reduce((sum, theta) => sum + kappa(bias ? (1 + Math.cos(theta)) / 2 : Math.cos(theta)) * Math.cos(k * theta), 0) / POINTS;

  // What is left of cos k theta after each step, if the kernel stays what it is.
  const closedForm = (k, bias, steps) =>
    Array.from({ length: steps + 1 }, (_, step) => (1 - ETA * eigenvalue(k, bias)) ** step);

  // Mulberry32 and Box-Muller: the same networks on every visit.
  function normals(count, seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return values;
  }

  // An antisymmetric start: the second half of the units is the first with the other sign.
  function start(width, bias, seed) {
    const d = bias ? 3 : 2;
    const half = normals((width / 2) * d, seed);
    const w = new Float64Array(width * d);
    w.set(half);
    w.set(half, (width / 2) * d);
    const a = Float64Array.from({ length: width }, (_, r) => (r % 2 === 0 ? 1 : -1) * (r < width / 2 ? 1 : -1));
    if ((width / 2) % 2) for (let r = 0; r < width / 2; r++) a[width / 2 + r] = -a[r];
    return { w, a };
  }

  // Gradient descent on the mean of squares; what is left of cos k theta after each step, and the last outputs.
  function train({ w: first, a }, k, bias, steps) {
    const [d, m] = [bias ? 3 : 2, a.length];
    const w = Float64Array.from(first);
    const x = grid.map((theta) => inputs(theta, bias));
    const y = grid.map((theta) => Math.cos(k * theta));
    const scale = 1 / Math.sqrt(m);
    const left = [];
    let u;
    for (let step = 0; ; step++) {
      u = new Float64Array(POINTS);
      for (let r = 0; r < m; r++)
        for (let i = 0; i < POINTS; i++) {
          let z = w[r * d] * x[i][0] + w[r * d + 1] * x[i][1];
          if (bias) z += w[r * d + 2] * x[i][2];
          if (z > 0) u[i] += scale * a[r] * z;
        }
      left.push(-u.reduce((sum, value, i) => sum + (value - y[i]) * y[i], 0) * (2 / POINTS));
      if (step === steps) return { left, u };
      for (let r = 0; r < m; r++) {
        const g = [0, 0, 0];
        for (let i = 0; i < POINTS; i++) {
          let z = w[r * d] * x[i][0] + w[r * d + 1] * x[i][1];
          if (bias) z += w[r * d + 2] * x[i][2];
          if (z >= 0) for (let c = 0; c < d; c++) g[c] += (u[i] - y[i]) * x[i][c];
        }
        for (let c = 0; c < d; c++) w[r * d + c] -= ((ETA / POINTS) * scale * a[r]) * g[c];
      }
    }
  }

  root.descentNetwork = { eigenvalue, closedForm, start, train };
  if (!root.document || !root.descentLive) return;

  const { Panel, register, assemble } = root.descentLive;
  const STEPS = 60;

  register("network", (stage) => {
    const decay = new Panel("What is left of cos kθ", "", {
      x: [0, ETA * STEPS], y: [0, 1.1], xLabel: "time t, step size times steps", yLabel: "share left", square: true,
      xTicks: [[0, "0"], [80, "80"], [160, "160"], [240, "240"]], yTicks: [[0, "0"], [0.5, "½"], [1, "1"]],
    });
    const shape = new Panel("Target and network at the end", "", {
      x: [0, 2 * Math.PI], y: [-1.4, 1.4], xLabel: "angle θ", yLabel: "value", square: true,
      xTicks: [[0, "0"], [Math.PI, "π"], [2 * Math.PI, "2π"]], yTicks: [[-1, "−1"], [0, "0"], [1, "1"]],
    });

    assemble(
      stage,
      {
        bias: { label: "Units", options: ["without a bias", "with a bias"], start: "without a bias" },
        k: { label: "Frequency k", min: 1, max: 8, step: 1, start: 2, show: String },
        width: { label: "Width m", min: 3, max: 11, step: 1, start: 7, value: (x) => 2 ** x, show: String },
      },
      [decay, shape],
      ({ bias: word, k, width }) => {
        const bias = word === "with a bias";
        const { left, u } = train(start(width, bias, 1), k, bias, STEPS);
        const closed = closedForm(k, bias, STEPS);
        const points = (values) => values.map((value, step) => [ETA * step, value]);
        decay.clear(`Share of frequency ${k} left over time: closed form and a network of width ${width}.`);
        decay.line("a", points(closed));
        decay.line("b", points(left));
        decay.text("a-text", ETA * STEPS - 4, 1.03, "closed form (solid)", "end");
        decay.text("b-text", ETA * STEPS - 4, 0.93, "network (dashed)", "end");
        shape.clear(`The target cos ${k}θ and the trained network of width ${width}.`);
        const around = (values) => [...grid, 2 * Math.PI].map((theta, i) => [theta, values[i % POINTS]]);
        shape.line("a", around(grid.map((theta) => Math.cos(k * theta))));
        shape.line("b", around(u));
        const rate = eigenvalue(k, bias);
        const never = !bias && k % 2 === 1 && k > 1;
        return never
          ? `Without a bias a ReLU network is linear plus even: frequency ${k} has eigenvalue 0, and ${(100 * left[STEPS]).toFixed(1)}% of it is left.`
          : `Eigenvalue ${rate.toPrecision(3)}: the closed form leaves ${(100 * closed[STEPS]).toFixed(1)}% at t = ${ETA * STEPS}, this network ${(100 * left[STEPS]).toFixed(1)}%.`;
      },
    );
  });
})(globalThis);
