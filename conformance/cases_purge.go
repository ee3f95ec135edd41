package conformance

var purgeCases = []Case{}
