package conformance

var verifyCases = []Case{}
