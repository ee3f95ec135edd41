package conformance

var proxyCases = []Case{}
