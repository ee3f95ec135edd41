package conformance

var mailCases = []Case{}
