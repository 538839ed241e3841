"""What the sandbox tells of its one user."""
from __future__ import annotations

#: The part of Trakt's settings that apps use.
SETTINGS: dict[str, object] = {
    "user": {"username": "sandbox", "private": False, "name": "Sandy Box", "vip": True,
             "vip_ep": False, "director": False,
             "ids": {"slug": "sandbox", "trakt": 1,
                     "uuid": "00000000-0000-4000-8000-000000000001"},
             "joined_at": "2020-01-01T00:00:00.000Z",
             "images": {"avatar": {"full": ""}}, "vip_og": False, "vip_years": 1},
    "permissions": {"commenting": True, "liking": True, "following": True},
    "account": {"timezone": "UTC", "date_format": "ymd", "time_24hr": True},
    "limits": {"list": {"count": 100, "item_count": 5000},
               "watchlist": {"item_count": 5000}, "favorites": {"item_count": 100}},
}

WATCHLIST: list[object] = [
    {"rank": 1, "id": 1, "listed_at": "2026-01-01T00:00:00.000Z", "type": "movie",
     "movie": {"title": "The General", "year": 1926,
               "ids": {"trakt": 706, "slug": "the-general-1926", "imdb": "tt0017925",
                       "tmdb": 961}}},
    {"rank": 2, "id": 2, "listed_at": "2026-01-02T00:00:00.000Z", "type": "movie",
     "movie": {"title": "Nosferatu", "year": 1922,
               "ids": {"trakt": 498, "slug": "nosferatu-1922", "imdb": "tt0013442",
                       "tmdb": 653}}},
]
