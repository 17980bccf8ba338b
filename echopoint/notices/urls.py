"""The paths of a person's notices, below the account."""

from django.urls import path

from echopoint.notices.views import ContactView, NoticeChoicesView, UnsubscribeView

app_name = "notices"
urlpatterns = [
    path("", NoticeChoicesView.as_view(), name="choices"),
    path("unsubscribe/<str:token>/", UnsubscribeView.as_view(), name="unsubscribe"),
    path("contact/<str:token>/", ContactView.as_view(), name="contact"),
]
