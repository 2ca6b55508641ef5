// Puts the page together: listening, adding, the library, and one player for all.
import { Announcer } from "./announcer.js";
import { Count } from "./count.js";
import { byId } from "./dom.js";
import { dropZone, isAudio } from "./drop.js";
import { History } from "./history.js";
import { ListenView } from "./listen-view.js";
import { Listener } from "./listen.js";
import { Player } from "./player.js";
import { SourceChoice } from "./source.js";
import { Tracks } from "./tracks.js";

const player = new Player();
const onPlay = (track, seconds) => {
  if (listener.active) listener.stop(); // or the microphone would hear the loudspeaker
  player.play(track, seconds);
};

const history = new History({ onPlay });
const view = new ListenView({ onPlay, onPlays: (plays, about) => history.log(plays, about), heardSeconds: () => listener.heardSeconds });
const listener = new Listener(view);
const source = new SourceChoice({ onKind: (kind) => view.label(kind) });
const listenTo = async (choice) => {
  player.close();
  await listener.start(choice);
  source.refresh();
};
byId("listen-button").onclick = () => {
  if (listener.active) listener.stop();
  else if (source.kind === "file") byId("file").click();
  else listenTo(source);
};
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
const add = async (files) => {
  const { Uploads } = await import("./upload.js"); // this and what follows is not fetched before it is needed
  uploads ??= new Uploads({ onAdded: onChange, onDone, announcer });
  uploads.add(files);
};
const addChosen = (input, wanted) => {
  const files = [...input.files].filter(wanted);
  input.value = "";
  add(files);
};
byId("upload-files").onchange = ({ target }) => addChosen(target, () => true);
byId("upload-folder").onchange = ({ target }) => addChosen(target, isAudio);
dropZone(byId("library"), add);
byId("demo").onclick = async ({ currentTarget }) => (await import("./demo.js")).addDemo(currentTarget, { onDone, announcer });
byId("help").onclick = async ({ target }) => {
  const button = target.closest("[data-action=copy]");
  if (button) (await import("./help.js")).copyExample(button);
};
if (byId("login")) import("./login.js");
