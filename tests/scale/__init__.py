"""Claims about a site on several servers, checked on two: `make scale-test`."""
