package conformance

var keycloakUserCases = []Case{}
