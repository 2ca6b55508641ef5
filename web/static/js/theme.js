// Runs before the page is drawn: light or dark as the system asks, and "js" so that controls which need it are shown.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const apply = () => { document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light"; };
apply();
dark.addEventListener("change", apply);
document.documentElement.classList.add("js");
