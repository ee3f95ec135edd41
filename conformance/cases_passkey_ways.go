package conformance

var passkeyWaysCases = []Case{}
