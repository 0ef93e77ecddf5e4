// Explicit and implicit steps on f(x, y) = (x^2 + h y^2) / 2: the same gradient, taken before or after the step.
(function (root) {
  "use strict";

  // w <- w - eta h w, and w+ = w - eta h w+, that is w / (1 + eta h); along each axis by itself.
  const explicitFactor = (eta, h) => 1 - eta * h;
  const implicitFactor = (eta, h) => 1 / (1 + eta * h);

  function trajectory(factor, eta, curvatures, start, steps) {
    const points = [start];
    for (let k = 0; k < steps; k++) points.push(points[k].map((w, i) => factor(eta, curvatures[i]) * w));
    return points;
  }

  const loss = (curvatures, w) => 0.5 * w.reduce((sum, value, i) => sum + curvatures[i] * value * value, 0);

  // What becomes of explicit descent on curvatures 1 and h; the implicit step converges whatever the step size.
  function explicitEnds(eta, h) {
    const bound = 2 / Math.max(1, h);
    return eta < bound ? "converges" : eta === bound ? "stays on the edge" : "diverges";
  }

  root.descentImplicit = { explicitFactor, implicitFactor, trajectory, loss, explicitEnds };
  if (!root.document || !root.descentLive) return;

  const { Panel, register, assemble } = root.descentLive;
  const STEPS = 40;

  register("implicit", (stage) => {
    const valley = new Panel("The first steps in the valley", "", {
      x: [-1.2, 1.2], y: [-1.2, 1.2], xLabel: "along the valley, curvature 1", yLabel: "across it, curvature h", square: true,
      xTicks: [[-1, "−1"], [0, "0"], [1, "1"]], yTicks: [[-1, "−1"], [0, "0"], [1, "1"]],
    });
    const decay = new Panel("Loss after each step", "", {
      x: [0, STEPS], y: [-10, 4], xLabel: "step", yLabel: "loss", square: true,
      xTicks: [[0, "0"], [20, "20"], [40, "40"]], yTicks: [[-10, "10⁻¹⁰"], [-5, "10⁻⁵"], [0, "1"], [4, "10⁴"]],
    });

    assemble(
      stage,
      {
        eta: { label: "Step size η", min: -3, max: 2, step: 0.05, start: -1.2, value: (x) => 10 ** x },
        h: { label: "Stiffness h", min: 0, max: 3, step: 0.05, start: 1.5, value: (x) => 10 ** x },
      },
      [valley, decay],
      ({ eta, h }) => {
        const curvatures = [1, h];
        const start = [-1, 0.8];
        const explicit = trajectory(explicitFactor, eta, curvatures, start, STEPS);
        const implicit = trajectory(implicitFactor, eta, curvatures, start, STEPS);
        const verdict = explicitEnds(eta, h);
        valley.clear(`Contours of a quadratic and ${STEPS} steps of each method; explicit descent ${verdict === "converges" ? "comes closer" : "leaves the picture"}.`);
        for (let level = 0.05; level < 60; level *= 2.5) {
          const circle = Array.from({ length: 121 }, (_, k) => (k / 60) * Math.PI);
          const radius = Math.sqrt(2 * level);
          valley.line("grid", circle.map((t) => [radius * Math.cos(t), (radius * Math.sin(t)) / Math.sqrt(h)]));
        }
        valley.line("b", explicit);
        explicit.forEach(([x, y]) => valley.dot("dot-b", x, y, 2));
        valley.line("a", implicit);
        implicit.forEach(([x, y]) => valley.dot("dot-a", x, y, 2));
        decay.clear("Loss against steps for both methods, logarithmic.");
        const logs = (points) => points.map((w, k) => [k, Math.log10(loss(curvatures, w) + 1e-300)]);
        decay.line("b", logs(explicit));
        decay.line("a", logs(implicit));
        decay.text("b-text", STEPS - 1, 3.2, "explicit (dashed)", "end");
        decay.text("a-text", STEPS - 1, 2.3, "implicit (solid)", "end");
        const last = (points) => loss(curvatures, points[STEPS]).toExponential(1);
        return `Explicit descent ${verdict} (stable below η = ${(2 / Math.max(1, h)).toPrecision(3)}); loss after ${STEPS} steps ${last(explicit)}. ` +
          `The implicit step converges at every η; loss ${last(implicit)}.`;
      },
    );
  });
})(globalThis);
