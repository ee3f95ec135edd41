package conformance

var logCases = []Case{}
