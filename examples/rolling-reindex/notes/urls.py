"""Which page is where."""

from django.urls import path

from notes import views

urlpatterns = [
    path("login", views.login),
    path("notes", views.latest),
    path("search", views.search),
]
