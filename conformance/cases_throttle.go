package conformance

var throttleCases = []Case{}
