// A stub until the page has its script.
