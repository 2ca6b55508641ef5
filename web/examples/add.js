const form = new FormData();
for (const file of document.querySelector("input[type=file]").files) form.append("file", file);
const response = await fetch("http://127.0.0.1:8000/upload", { method: "POST", body: form });
const { added, known, failed, error } = await response.json();
if (error) console.log(error.message);
else console.log(`${added.length} added, ${known.length} known, ${failed.length} failed`);
