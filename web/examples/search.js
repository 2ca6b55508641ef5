let after = "";
do { // a page at a time
  const query = new URLSearchParams({ search: "river", sort: "artist", limit: 100, after });
  const page = await (await fetch(`http://127.0.0.1:8000/tracks?${query}`)).json();
  for (const track of page.tracks) console.log(track.id, track.artist, track.title);
  after = page.next;
} while (after);
