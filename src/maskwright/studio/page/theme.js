// Light or dark, set before the page is drawn, so that it never flashes in the other one. Loaded
// without `type="module"` for that reason: modules wait until the page is parsed.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  // What somebody chose on the page; a browser that keeps nothing still shows it.
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // Storage may be switched off.
  }

  const show = () => {
    root.dataset.theme = chosen || (system.matches ? "dark" : "light");
  };
  show();
  system.addEventListener("change", show);

  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").onclick = () => {
      chosen = root.dataset.theme === "dark" ? "light" : "dark";
      show();
      try {
        localStorage.setItem("theme", chosen);
      } catch {
        // As above.
      }
    };
  });
})();
