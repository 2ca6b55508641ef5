curl -G http://127.0.0.1:8000/tracks --data-urlencode "search=river" -d sort=artist -d limit=100
