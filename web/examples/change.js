const track = "http://127.0.0.1:8000/tracks/1";
const body = JSON.stringify({ title: "A better title" });
console.log(await (await fetch(track, { method: "PATCH", body })).json());
await fetch(track, { method: "DELETE" });
console.log(await (await fetch(`${track}/restore`, { method: "POST" })).json()); // undoes it
