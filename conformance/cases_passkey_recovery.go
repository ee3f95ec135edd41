package conformance

var passkeyRecoveryCases = []Case{}
