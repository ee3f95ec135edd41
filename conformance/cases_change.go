package conformance

var changeCases = []Case{}
