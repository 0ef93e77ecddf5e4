// The worst quadratic for stochastic gradient descent, by criterion and schedule; units L = Delta = sigma^2 = 1.
(function (root) {
  "use strict";

  const SCHEDULES = {
    constant: () => 1,
    "1/√t": (t) => 1 / Math.sqrt(t + 1),
    "linear to 0": (t, T) => 1 - t / T,
    "cosine to 0": (t, T) => 0.5 * (1 + Math.cos((Math.PI * t) / T)),
    "1/t": (t) => 1 / (t + 1),
  };
  const CRITERIA = ["last iterate", "average of squares", "average of norms", "averaged iterate"];
  const POINTS = 64;
  const TIMES = 72;

  const grid = (T) => Array.from({ length: POINTS }, (_, k) => (0.05 / T) ** (1 - k / (POINTS - 1)));

  function times(T) {
    const found = new Set([0, T]);
    for (let i = 0; i < TIMES; i++) found.add(Math.round(T ** (i / (TIMES - 1))));
    for (let i = 1; i < TIMES / 3; i++) found.add(T - Math.round(T ** ((0.9 * i) / (TIMES / 3))));
    return [...found].filter((t) => t >= 0).sort((a, b) => a - b);
  }

  // One step for one kappa: p scales the mean of the gradient, b is its variance for noise of variance one; c, C, m follow the sum.
  function recursion(schedule, T, kappas = grid(T)) {
    const at = times(T);
    const shape = Array.from({ length: T }, (_, t) => SCHEDULES[schedule](t, T));
    const signal = [];
    const noise = [];
    const parts = { "last iterate": [[], []], "average of squares": [[], []], "averaged iterate": [[], []] };
    kappas.forEach((kappa, k) => {
      let [p, b, c, C, m, squares, variances] = [1, 0, 0, 0, 0, 0, 0];
      signal.push([]);
      noise.push([]);
      let next = 0;
      for (let t = 0; t <= T; t++) {
        if (at[next] === t) { signal[k].push(p * p); noise[k].push(b); next++; }
        if (t === T) break;
        const step = kappa * shape[t];
        const a = 1 - step;
        squares += p * p;
        variances += b;
        c += p;
        C += 2 * m + b;
        m = a * (m + b);
        p *= a;
        b = a * a * b + step * step;
      }
      parts["last iterate"][0].push(p * p);
      parts["last iterate"][1].push(b);
      parts["average of squares"][0].push(squares / T);
      parts["average of squares"][1].push(variances / T);
      parts["averaged iterate"][0].push((c / T) ** 2);
      parts["averaged iterate"][1].push(C / T ** 2);
    });
    return { T, kappas, at, signal, noise, parts };
  }

  // min over steps of the max over eigenvalues; i is where the gap lies, k the noise, j the step: kappa of lambda = L.
  function worst(found, criterion) {
    const { kappas } = found;
    let best = { value: Infinity };
    if (criterion === "average of norms") {
      const weights = trapezoid(found.at);
      const variances = found.parts["average of squares"][1];
      let loud = 0; // where noise adds most on average: at lambda = L, but for steps that fall too fast
      kappas.forEach((eta, j) => {
        if (variances[j] > variances[loud]) loud = j;
        let top = { value: 0 };
        for (let i = 0; i <= j; i++) {
          let mean = 0;
          weights.forEach((w, q) => { mean += w * Math.sqrt((2 * kappas[i] / eta) * found.signal[i][q] + found.noise[loud][q]); });
          if (mean > top.value) top = { value: mean, i };
        }
        const value = (top.value / found.T) ** 2;
        if (value < best.value) best = { value, i: top.i, j, k: loud };
      });
      return { ...best, step: kappas[best.j] };
    }
    const [signal, noise] = found.parts[criterion];
    let [i, k] = [0, 0];
    kappas.forEach((eta, j) => {
      if (kappas[j] * signal[j] > kappas[i] * signal[i]) i = j;
      if (noise[j] > noise[k]) k = j;
      const value = (2 * kappas[i] / eta) * signal[i] + noise[k];
      if (value < best.value) best = { value, i, j, k };
    });
    return { ...best, step: kappas[best.j] };
  }

  // Weights of a sum over 0 .. T - 1 at some of these times, exact for broken lines.
  function trapezoid(at) {
    const weights = at.map(() => 0);
    for (let q = 0; q + 1 < at.length; q++) {
      const width = at[q + 1] - at[q];
      weights[q] += (width + 1) / 2;
      weights[q + 1] += (width - 1) / 2;
    }
    return weights;
  }

  root.descentStationary = { SCHEDULES, CRITERIA, recursion, worst, trapezoid };
  if (!root.document || !root.descentLive) return;

  const { Panel, register, assemble } = root.descentLive;
  const POWERS = [3, 4, 5, 6, 7, 8, 9, 10, 11];
  const runs = new Map();
  const solved = new Map();
  const remember = (map, key, make) => { if (!map.has(key)) map.set(key, make()); return map.get(key); };
  const run = (schedule, T) => remember(runs, `${schedule} ${T}`, () => recursion(schedule, T));
  const solve = (criterion, schedule, T) => remember(solved, `${criterion} ${schedule} ${T}`, () => worst(run(schedule, T), criterion));

  register("stationary", (stage) => {
    const log = Math.log10;
    const curve = new Panel("Worst case against T", "", {
      x: [0.85, 3.35], y: [-2, 0.15], xLabel: "steps T", yLabel: "gradient norm",
      xTicks: [[1, "10"], [2, "100"], [3, "1000"]], yTicks: [[-2, "0.01"], [-1, "0.1"], [0, "1"]],
    });
    const energy = new Panel("The adversary's energies in that run", "", {
      x: [0, 3.35], y: [-5, 0.4], xLabel: "iterate, t + 1", yLabel: "squared gradient",
      xTicks: [[0, "1"], [1, "10"], [2, "100"], [3, "1000"]], yTicks: [[-4, "10⁻⁴"], [-2, "0.01"], [0, "1"]],
    });

    assemble(
      stage,
      {
        criterion: { label: "Criterion", options: CRITERIA, start: "last iterate" },
        schedule: { label: "Schedule", options: Object.keys(SCHEDULES), start: "constant" },
        T: { label: "Steps T", min: 4, max: 11, step: 1, start: 10, value: (x) => 2 ** x, show: (x) => String(x) },
      },
      [curve, energy],
      ({ criterion, schedule, T }) => {
        const norm = (horizon) => 0.5 * log(solve(criterion, schedule, horizon).value);
        const here = solve(criterion, schedule, T);
        const slope = (norm(T) - norm(T / 2)) / log(2);
        curve.clear(`Worst gradient norm for ${criterion}, schedule ${schedule}; slope ${slope.toFixed(2)} at T = ${T}.`);
        curve.line("b", [[log(T) - 0.6, norm(T) - 0.6 * slope], [log(T) + 0.6, norm(T) + 0.6 * slope]]);
        curve.line("a", POWERS.map((power) => [log(2 ** power), norm(2 ** power)]));
        curve.dot("dot-a", log(T), norm(T), 4);
        curve.text("b-text", 3.3, 0.02, `slope ${slope.toFixed(2).replace("-", "−")}`, "end");

        const found = run(schedule, T);
        const gap = found.signal[here.i].map((p2) => (2 * found.kappas[here.i] / here.step) * p2);
        const noise = found.noise[here.k];
        const line = (values) => found.at.map((t, q) => [log(t + 1), log(values[q] + 1e-300)]);
        energy.clear("Squared gradient that gap and noise leave at each iterate, logarithmic.");
        energy.line("a", line(gap));
        energy.line("b", line(noise));
        energy.text("a-text", 0.08, -4.1, "gap (solid)");
        energy.text("b-text", 0.08, -4.65, "noise (dashed)");
        const ratio = (k) => (found.kappas[k] / here.step).toPrecision(2);
        return `Best first step ${here.step.toPrecision(2)}/L. The gap lies on λ = ${ratio(here.i)} L, the noise on λ = ${ratio(here.k)} L; ` +
          `worst norm ${(10 ** norm(T)).toPrecision(3)} √(LΔ), slope ${slope.toFixed(2).replace("-", "−")}.`;
      },
    );
  });
})(globalThis);
