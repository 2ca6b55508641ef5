const form = new FormData();
form.append("file", document.querySelector("input[type=file]").files[0]);
const response = await fetch("http://127.0.0.1:8000/predict", { method: "POST", body: form });
const { match, error } = await response.json();
if (error) console.log(error.message);
else console.log(match ? `${match.track.title} from second ${match.offset} on` : "not in this library");
