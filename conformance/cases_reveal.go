package conformance

var revealCases = []Case{}
