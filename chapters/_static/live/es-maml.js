// A policy that was meta-trained to adapt by hill climbing, and what twenty attempts make of it for a goal.
(function (root) {
  "use strict";

  // Printed by: python -m descent.experiments.es_maml.policy
  const POLICY = { weights: [-0.6807, 0.6722, -0.6889, -0.931, -0.0464, 0.2471], mean: [-0.0596, 0.078], std: [0.4882, 0.4652], size: 0.2 };
  const HORIZON = 100;
  const REACH = 0.1;
  const QUERIES = 20;

  // Mulberry32 and Box-Muller: the same attempts on every visit.
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

  const clip = (value, most) => Math.max(-most, Math.min(most, value));

  // One episode from the origin: minus squared distances until the point is within .1 of the goal.
  function rollout(weights, goal, { mean, std } = POLICY) {
    const [w0, w1, w2, w3, b0, b1] = weights;
    let [x, y] = [0, 0];
    const points = [[x, y]];
    let total = 0;
    for (let t = 0; t < HORIZON; t++) {
      const [u, v] = [(x - mean[0]) / std[0], (y - mean[1]) / std[1]];
      x = clip(x + clip(Math.tanh(w0 * u + w1 * v + b0), REACH), 1);
      y = clip(y + clip(Math.tanh(w2 * u + w3 * v + b1), REACH), 1);
      points.push([x, y]);
      const reward = -((x - goal[0]) ** 2 + (y - goal[1]) ** 2);
      total += reward;
      if (reward >= -0.01) break;
    }
    return { value: total, points };
  }

  // Each attempt is kept if its return is higher than any before. Returns weights and the best return after 0, 1, ... attempts.
  function climb(goal, noise, policy = POLICY) {
    let best = policy.weights;
    let pivot = rollout(best, goal, policy).value;
    const weights = [best];
    const values = [pivot];
    noise.forEach((row) => {
      const tried = best.map((value, i) => value + policy.size * row[i]);
      const { value } = rollout(tried, goal, policy);
      if (value > pivot) [best, pivot] = [tried, value];
      weights.push(best);
      values.push(pivot);
    });
    return { weights, values };
  }

  root.descentEsMaml = { POLICY, normals, rollout, climb };
  if (!root.document || !root.descentLive) return;

  const { Panel, register, assemble } = root.descentLive;
  const draws = normals(6 * QUERIES, 3);
  const noise = Array.from({ length: QUERIES }, (_, k) => draws.slice(6 * k, 6 * k + 6));

  register("es-maml", (stage) => {
    const plane = new Panel("Click to set the goal", "", {
      x: [-1.15, 1.15], y: [-1.15, 1.15], xLabel: "x", yLabel: "y", square: true,
      xTicks: [[-1, "−1"], [0, "0"], [1, "1"]], yTicks: [[-1, "−1"], [0, "0"], [1, "1"]],
    });
    const climbed = new Panel("Best return so far", "", {
      x: [0, QUERIES], y: [-150, 0], xLabel: "attempts", yLabel: "return", square: true,
      xTicks: [[0, "0"], [10, "10"], [20, "20"]], yTicks: [[-150, "−150"], [-100, "−100"], [-50, "−50"], [0, "0"]],
    });

    assemble(
      stage,
      {
        x: { label: "Goal x", min: -1, max: 1, step: 0.01, start: 0.6, show: (x) => x.toFixed(2) },
        y: { label: "Goal y", min: -1, max: 1, step: 0.01, start: -0.5, show: (x) => x.toFixed(2) },
        attempts: { label: "Attempts", min: 0, max: QUERIES, step: 1, start: QUERIES, show: String },
      },
      [plane, climbed],
      ({ x, y, attempts }) => {
        const { weights, values } = climb([x, y], noise);
        const [before, after] = [0, attempts].map((k) => rollout(weights[k], [x, y]));
        plane.clear(`The way of a point before adaptation and after ${attempts} attempts, to a goal at ${x}, ${y}.`);
        plane.line("b", before.points);
        plane.line("a", after.points);
        plane.text("", x, y - 0.04, "×", "middle");
        plane.text("b-text", -1.1, 1.03, "before (dashed)");
        plane.text("a-text", 1.1, 1.03, "after (solid)", "end");
        climbed.clear(`The best return against attempts: from ${values[0].toFixed(0)} to ${values[QUERIES].toFixed(0)}.`);
        const stairs = values.flatMap((value, k) => (k ? [[k, values[k - 1]], [k, value]] : [[0, value]]));
        climbed.line("a", stairs);
        climbed.dot("dot-a", attempts, values[attempts], 4);
        return `Before: return ${values[0].toFixed(1)}. After ${attempts} attempts: ${values[attempts].toFixed(1)}.`;
      },
    );

    // a click on the plane moves the sliders, which a keyboard reaches as well
    plane.svg.style.cursor = "crosshair";
    plane.svg.addEventListener("click", (event) => {
      const box = plane.svg.getBoundingClientRect();
      const at = [
        ((event.clientX - box.left) / box.width) * plane.width,
        ((event.clientY - box.top) / box.height) * plane.height,
      ];
      const along = (value, low, high, [from, to]) => from + ((value - low) / (high - low)) * (to - from);
      const goal = [along(at[0], plane.left, plane.right, plane.xRange), along(at[1], plane.bottom, plane.top, plane.yRange)];
      stage.querySelectorAll("input").forEach((input, k) => {
        if (k > 1) return;
        input.value = clip(goal[k], 1).toFixed(2);
        input.dispatchEvent(new Event("input"));
      });
    });
  });
})(globalThis);
