package auth

const defaultPrefix = "/auth"
