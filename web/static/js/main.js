// Puts the page together: listening, adding, the library, and one player for all.
import { Announcer } from "./announcer.js";
import { load } from "./api.js";
import { Count } from "./count.js";
import { byId } from "./dom.js";
import { dropZone, isAudio } from "./drop.js";
import { keys } from "./keys.js";
import { ListenView } from "./listen-view.js";
import { Listener, prepare } from "./listen.js";
import { SourceChoice } from "./source.js";
import { saying } from "./toast.js";
import { Tracks } from "./tracks.js";

let player; // fetched when something is played
const onPlay = (track, seconds) => {
  if (listener.active) listener.stop(); // or the microphone would hear the loudspeaker
  return saying(async () => {
    const { Player } = await load("player");
    player ??= new Player();
    player.play(track, seconds);
  });
};

let history; // what was heard is fetched when there is any
const showHistory = () => (history ??= load("history").then(({ History }) => new History({ onPlay }), () => { history = null; }));
const onPlays = (plays, about) => plays.length && showHistory().then((list) => list?.log(plays, about));
if (localStorage.getItem("earprint.history")) showHistory();
const view = new ListenView({ onPlay, onPlays, heardSeconds: () => listener.heardSeconds });
const listener = new Listener(view);
const source = new SourceChoice({ onKind: (kind) => view.label(kind) });
const listenTo = async (choice) => {
  player?.close();
  await listener.start(choice);
  source.refresh();
};
const listen = () => {
  if (source.kind === "file") byId("file").click();
  else listenTo(source);
};
byId("listen-button").onclick = () => (listener.active ? listener.stop() : listen());
const approached = () => Promise.all(prepare()).catch(() => {}); // told when it is pressed
for (const event of ["pointerenter", "pointerdown", "focus"]) byId("listen-button").addEventListener(event, approached, { once: true });
keys({ listen: () => listener.active || listen(), stop: () => listener.active && listener.stop() });
byId("file").onchange = ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) listenTo({ kind: "file", file });
};
dropZone(byId("listen"), ([file]) => file && listenTo({ kind: "file", file }));

const count = new Count();
const onChange = () => count.refresh();
const announcer = new Announcer(byId("library-announcer"));
const tracks = new Tracks({ onPlay, onChange, announcer });
const onDone = () => { onChange(); return tracks.refresh(); };
let uploads;
const add = (files) => saying(async () => {
  const { Uploads } = await load("upload"); // this and what follows is not fetched before it is needed
  uploads ??= new Uploads({ onAdded: onChange, onDone, announcer });
  uploads.add(files);
});
const addChosen = (input, wanted) => {
  const files = [...input.files].filter(wanted);
  input.value = "";
  add(files);
};
byId("upload-files").onchange = ({ target }) => addChosen(target, () => true);
byId("upload-folder").onchange = ({ target }) => addChosen(target, isAudio);
dropZone(byId("library"), add);
byId("select").onclick = () => saying(async () => (await load("select")).toggleSelection({ tracks, announcer }));
byId("removed").onclick = () => saying(async () => (await load("removed")).showRemoved({ onDone, announcer }));
byId("demo").onclick = ({ currentTarget }) => saying(async () => (await load("demo")).addDemo(currentTarget, { onDone, announcer }));
byId("help").onclick = ({ target }) => {
  const button = target.closest("[data-action=copy]");
  if (button) saying(async () => (await load("help")).copyExample(button));
};
if (byId("login")) saying(() => load("login"));
if (document.body.dataset.ready === "false") saying(async () => (await load("starting")).waitUntilReady(view));
