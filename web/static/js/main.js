// Puts the page together: listening, identifying, adding, the library, and one player for all.
import { Announcer } from "./announcer.js";
import { Count } from "./count.js";
import { offerDemo } from "./demo.js";
import { byId } from "./dom.js";
import { offerExamples } from "./help.js";
import { History } from "./history.js";
import { Identify } from "./identify.js";
import { ListenView } from "./listen-view.js";
import { Listener } from "./listen.js";
import "./login.js";
import { Player } from "./player.js";
import { SourceChoice } from "./source.js";
import { Tracks } from "./tracks.js";
import { Uploads } from "./upload.js";

const player = new Player();
const onPlay = (track, seconds) => {
  if (listener.active) listener.stop(); // or the microphone would hear the loudspeaker
  player.play(track, seconds);
};

const history = new History({ onPlay });
const onMatch = (track) => history.add(track);

const view = new ListenView({ onPlay, onMatch, heardSeconds: () => listener.heardSeconds });
const listener = new Listener(view);
const source = new SourceChoice(byId("source"));
byId("listen-button").onclick = async () => {
  if (listener.active) return listener.stop();
  await listener.start(source.value);
  source.refresh();
};

new Identify({ onPlay, onMatch });

const count = new Count();
const onChange = () => count.refresh();
const announcer = new Announcer(byId("library-announcer"));
const tracks = new Tracks({ onPlay, onChange, announcer });
const onDone = () => { onChange(); return tracks.refresh(); };
new Uploads({ onAdded: onChange, onDone, announcer });
offerDemo({ onDone, announcer });
offerExamples();
