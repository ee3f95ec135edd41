"""The web application; run it with `uvicorn app.main:app`."""

from fastapi import FastAPI

from app.core.keycloak import setup_keycloak
from app.features.auth.router import router as auth_router

app = FastAPI(title="app")
# fastman: if jwt or oauth or passkey
app.include_router(auth_router)
# fastman: end
# fastman: if keycloak
setup_keycloak(app)
# fastman: end


@app.get("/health")
async def health() -> dict[str, str]:
    """Answer as long as the process serves requests."""
    return {"status": "ok"}
