package conformance

var resetCases = []Case{}
