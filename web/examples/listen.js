const file = document.querySelector("input[type=file]").files[0];
const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(await file.arrayBuffer());
const pcm = sound.getChannelData(0); // blocks of a microphone will do as well

const server = new WebSocket("ws://127.0.0.1:8000/listen");
server.onopen = () => {
  server.send(JSON.stringify({ type: "start", sample_rate: sound.sampleRate, format: "f32le", channels: 1 }));
  for (let i = 0; i < pcm.length; i += 4096) server.send(pcm.slice(i, i + 4096));
  server.send(JSON.stringify({ type: "stop" }));
};
server.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === "match") console.log(event.guess.track.title, "at second", event.guess.position);
  if (event.type === "error") console.log(event.message);
};
