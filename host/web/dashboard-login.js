"use strict";
// Sends the token as a body, never in a URL; the cookie that comes back stands for it.

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const refused = document.getElementById("refused");
  const token = document.getElementById("token").value;
  refused.textContent = "";
  try {
    const answer = await fetch("/login", { method: "POST", body: token });
    if (answer.ok) location.assign("/");
    else refused.textContent = "This is not the token.";
  } catch {
    refused.textContent = "The dashboard does not answer.";
  }
});
